/** The live room: joins the connection, the picture, the comments, the questions and the composer. */
import { Connection, Refused } from '../core/connection.js';
import { announcer, localTimes, rememberZone, wordsOf } from '../core/i18n.js';
import { Composer, refusalText } from '../room/composer.js';
import { Outbox } from '../room/outbox.js';
import { EDIT_WITHIN, RowMenu } from '../room/rows.js';
import { CommentList } from './comments.js';
import { QuestionList } from './questions.js';
import { Stage } from './stage.js';

/** @typedef {import('../room/rows.js').Comment} Comment */

const page = JSON.parse(document.getElementById('page')?.textContent ?? '{}');
const words = wordsOf(document), { t } = words;
const room = page.room.id, channel = `room:${room}`;
const csrf = document.querySelector('meta[name=csrf]')?.getAttribute('content') ?? '';

// Pages of the past are for browsers without scripts; here the list itself goes back.
if (location.search.includes('before=')) location.replace(location.pathname);

customElements.define('live-stage', Stage);
customElements.define('comment-list', CommentList);
customElements.define('question-list', QuestionList);
customElements.define('room-composer', Composer);

/** @template {HTMLElement} T @param {string} selector @param {new () => T} kind @returns {T} */
const find = (selector, kind) => /** @type {T} */ (document.querySelector(selector));
const stage = find('live-stage', Stage), comments = find('comment-list', CommentList);
const questions = find('question-list', QuestionList), composer = find('room-composer', Composer);
const menu = find('#row-menu', HTMLDialogElement), report = find('#report', HTMLDialogElement);
const naming = find('#naming', HTMLDialogElement), settings = find('#room-settings', HTMLDialogElement);
const sheet = find('#questions-sheet', HTMLDialogElement), banner = find('[data-part=conn]', HTMLElement);

/** What the reader chose is kept on this device. @param {string} name @param {string} [value] */
function kept(name, value) {
  try {
    if (value !== undefined) localStorage.setItem(`hiroba:${name}`, value);
    return localStorage.getItem(`hiroba:${name}`);
  } catch {
    return null;
  }
}

/* ---- who is here ---- */

/** @type {{id: string, name: string, role: string} | null} */
let me = page.you;
/** Members and guests show their cookie for a ticket; others only read. */
async function token() {
  if (!me) return null;
  const answer = await fetch('/v1/ticket', { method: 'POST', headers: { 'X-CSRF': csrf }, credentials: 'same-origin' });
  if (answer.ok) return (await answer.json()).ticket;
  if (answer.status >= 500 || answer.status === 429) throw new Error(String(answer.status));
  return null;
}

const connection = new Connection({ url: `${location.origin.replace(/^http/, 'ws')}/v1/live`, token });
const outbox = new Outbox({
  room, store: sessionStorage, post: (args) => connection.command('comment.post', args),
  onChange: (draft) => {
    if (me) comments.own(draft, { id: me.id, name: me.name, role: me.role });
    if (draft.state === 'sent' || draft.state === 'held') composer.sent();
  },
  onRefused: (draft, refused) => { comments.takeOut((comment) => comment.cmid === draft.cmid); composer.giveBack(draft.text, refused); },
});

/* ---- parts ---- */

const region = find('#spoken', HTMLElement), alarm = find('#alarm', HTMLElement);
const speak = () => kept('speak') ?? 'staff';
const say = announcer(region, { every: speak() === 'all' ? 3000 : 10_000 });
/** @param {string} text */
function toast(text) {
  const box = find('#toast', HTMLElement);
  box.textContent = text;
  box.hidden = false;
  clearTimeout(Number(box.dataset.timer));
  box.dataset.timer = String(setTimeout(() => { box.hidden = true; }, 4000));
}
/** @param {unknown} error */
const refusedToast = (error) => toast(refusalText(words, error instanceof Refused ? error : new Refused({ code: 'offline' })));
/** @param {string} cmd @param {Record<string, any>} args */
const ask = (cmd, args) => connection.command(cmd, { room, ...args });

stage.begin({ words, now: () => connection.now(), broadcast: page.broadcast, toast, heart: (count) => { ask('reaction.add', { kind: 'heart', count }).catch(() => {}); } });
comments.begin({
  words, room, say, speak, me: () => me?.id, open: (comment) => rows.open(comment),
  retry: (cmid) => outbox.retry(cmid), drop: (cmid) => outbox.drop(cmid), allComments: () => connection.setFeed(channel, 'full'),
});
questions.begin({ words, refused: refusedToast, vote: (id, on) => (me ? ask(on ? 'question.vote' : 'question.unvote', { id }) : (openNaming(), Promise.reject(new Refused({ code: 'unauthenticated' })))) });
questions.addEventListener('drawn', () => {
  const line = find('[data-part=onstage]', HTMLElement), shown = questions.shown, slot = line.querySelector('bdi');
  line.hidden = !shown;
  if (slot) slot.textContent = shown?.text ?? '';
});
composer.begin({
  words, room, now: () => connection.now(), needName: openNaming,
  send: ({ text, question, replyTo, editing }) => {
    if (!editing) return void outbox.add({ text, question, replyTo });
    ask('comment.edit', { id: editing, text }).then(() => comments.edited(editing, text), (error) => composer.giveBack(text, error));
  },
});
composer.setRules({ ...page.room, guests: page.guests, rank: page.you?.rank ?? 0, ended: page.broadcast?.state === 'ended', idle: !page.broadcast });
composer.setMuted(page.sanction);

const rows = new RowMenu(menu, {
  may: (deed, comment) => {
    if (deed === 'edit' || deed === 'delete') return Boolean(comment.mine && me && connection.now() - comment.at < EDIT_WITHIN);
    if (deed === 'report') return !comment.mine && Boolean(me);
    return deed === 'reply' ? Boolean(comment.id) : true;
  },
  act: (deed, comment) => {
    if (deed === 'reply') composer.reply({ id: comment.id, name: comment.author.name });
    else if (deed === 'edit') composer.edit(comment.id, comment.text);
    else if (deed === 'delete') ask('comment.delete', { id: comment.id }).then(() => comments.takeOut((other) => other.id === comment.id), refusedToast);
    else if (deed === 'report') { report.dataset.id = comment.id; report.showModal(); }
    else navigator.clipboard.writeText(comment.text).then(() => toast(t('Copied')), () => {});
  },
});
report.addEventListener('submit', (event) => {
  const reason = /** @type {HTMLButtonElement | null} */ (/** @type {SubmitEvent} */ (event).submitter)?.value;
  if (reason) ask('comment.report', { id: report.dataset.id, reason }).then(() => toast(t('Thank you. The moderators will look at it.')), refusedToast);
});

/* ---- what arrives ---- */

const QUESTIONS = /^question\.|^comments?\.(edited|deleted|hidden|purged)$/;
connection.on('items', (from, /** @type {import('../core/connection.js').Item[]} */ items) => {
  if (from !== channel) return;
  for (const { body, at } of items) {
    if (QUESTIONS.test(body.event)) questions.change(body, at);
    if (body.client_message_id && body.author?.id === me?.id) outbox.arrived(body.client_message_id, body.id);
    // What was said before this page was made stands in it already.
    if (at > page.now) change(body);
  }
  comments.add(items);
});
connection.on('now', (from, /** @type {import('../core/connection.js').Body} */ body) => {
  if (body.event === 'viewers.counted') stage.watching(body.count);
  else if (body.event === 'reactions.counted') stage.reacted(body.counts?.heart ?? 0, body.total);
  else if (body.event.startsWith('question.')) questions.change(body, connection.now());
  else change(body);
});
connection.on('left-out', () => comments.leftOut());
connection.on('gap', () => comments.gap());
connection.on('joined', (from, /** @type {import('../core/connection.js').Joined} */ { room: now, you }) => {
  composer.setRules({ ...(now?.mode ? now : {}), rank: connection.rank });
  composer.setMuted(you?.sanction ?? null);
  if (!now) return;
  if ('pinned' in now) comments.pin(now.pinned);
  if (now.broadcast) showing(now.broadcast);
});

/** What changes the room or the reader's own standing. @param {import('../core/connection.js').Body} body */
function change(body) {
  switch (body.event) {
    case 'room.changed': composer.setRules(/** @type {any} */ (body)); break;
    case 'broadcast.started': case 'broadcast.changed': return showing(body.broadcast);
    case 'broadcast.ended': return ended(body.id);
    case 'you.muted': composer.setMuted({ until: body.until ?? null, reason: body.reason ?? '' }); alarm.textContent = t('You cannot write here at the moment.'); break;
    case 'you.unmuted': composer.setMuted(null); toast(t('You can write again.')); break;
    case 'held.approved': comments.takeOut((comment) => comment.id === body.id && comment.state === 'held'); toast(t('Your comment was approved.')); break;
    case 'held.rejected': comments.takeOut((comment) => comment.id === body.id); toast(t('Your comment was not approved.')); break;
  }
}

/** @param {any} broadcast */
function showing(broadcast) {
  const known = page.broadcast;
  const same = known && broadcast.state === known.state && broadcast.id === known.id && broadcast.video.url === known.video.url && broadcast.video.upright === known.video.upright;
  // Another source needs another page: its address stands in the page's own policy.
  if (!same) return location.reload();
  page.broadcast = broadcast;
  stage.show(broadcast);
}

/** @param {string} id */
function ended(id) {
  if (page.broadcast?.id !== id || page.broadcast.state === 'ended') return;
  page.broadcast = { ...page.broadcast, state: 'ended' };
  stage.show(page.broadcast);
  composer.setRules({ ended: true });
  say(t('The broadcast has ended.'), { urgent: true });
}

/* ---- the connection, as the reader sees it ---- */

/** @type {any} */
let bannerTimer = null;
connection.on('state', (state, code) => {
  outbox.setOpen(state === 'open');
  if (state === 'open' || state === 'away') { clearTimeout(bannerTimer); bannerTimer = null; }
  if (state === 'open') {
    if (!banner.hidden) say(t('Connected again'));
    banner.hidden = true;
    composer.setRules({ rank: connection.rank });
    outbox.restore();
  } else if (state === 'away' && code !== 1000) away(code);
  else bannerTimer ??= setTimeout(reconnecting, 2000);
});
function reconnecting() {
  const slot = banner.querySelector('span:last-child');
  if (slot) slot.textContent = navigator.onLine ? t('Reconnecting… Your comments are kept on this device') : t('You are offline. Comments are sent when you are back');
  banner.hidden = false;
}
/** @param {number} code */
function away(code) {
  const slot = banner.querySelector('span:last-child');
  if (slot) slot.textContent = code === 4505 ? t('You have been shut out of this community.') : code === 4504 ? t('This account is open in too many windows.') : t('Reload this page to take part again.');
  banner.classList.add('still');
  banner.hidden = false;
}
addEventListener('online', () => connection.start());
addEventListener('offline', () => { if (connection.state !== 'open') reconnecting(); });
document.addEventListener('visibilitychange', () => { if (!document.hidden) connection.start(); });

/* ---- a guest's name ---- */

function openNaming() {
  if (page.guests && page.room.min_rank <= 10) naming.showModal();
  else location.assign(page.sign_in);
}
naming.addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = /** @type {HTMLFormElement} */ (event.target), field = form.elements.namedItem('name'), wrong = naming.querySelector('.err');
  if (!(field instanceof HTMLInputElement) || !(wrong instanceof HTMLElement) || !field.value.trim()) return;
  const answer = await fetch('/v1/guest', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-CSRF': csrf }, body: JSON.stringify({ name: field.value.trim() }), credentials: 'same-origin' }).catch(() => null);
  const reply = await answer?.json().catch(() => null);
  wrong.hidden = Boolean(answer?.ok);
  field.setAttribute('aria-invalid', String(!answer?.ok));
  if (!answer?.ok) { const slot = wrong.querySelector('span'); if (slot) slot.textContent = nameProblem(reply?.error); return field.focus(); }
  me = { ...reply.you, role: 'guest' };
  composer.setRules({ rank: 10 });
  naming.close();
  connection.restart();
  composer.field.focus();
});
/** @param {any} error */
function nameProblem(error) {
  switch (error?.problem) {
    case 'too_long': return t('This name is too long.');
    case 'resembles_staff': return t('This name is too close to that of someone from the team.');
    case 'reserved': case 'word': return t('This name cannot be used here.');
    case 'empty': case 'invisible': return t('Please write a name that can be read.');
    default: return error?.code ? refusalText(words, new Refused(error)) : t('There is no connection at the moment.');
  }
}

/* ---- tabs, sheets, settings ---- */

const tabs = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('.tabs [role=tab]')]);
/** @param {HTMLElement} tab */
function choose(tab) {
  for (const other of tabs) {
    const on = other === tab, panel = document.getElementById(other.getAttribute('aria-controls') ?? '');
    other.setAttribute('aria-selected', String(on));
    other.tabIndex = on ? 0 : -1;
    if (panel) panel.hidden = !on;
  }
  composer.ask(tab.id === 'tab-questions');
}
for (const tab of tabs) {
  tab.addEventListener('click', () => choose(tab));
  tab.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -tabs.indexOf(tab), End: tabs.length - 1 - tabs.indexOf(tab) }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const turned = document.dir === 'rtl' && event.key.startsWith('Arrow') ? -step : step;
    const next = tabs[(tabs.indexOf(tab) + turned + tabs.length) % tabs.length];
    next.focus();
    choose(next);
  });
}
const phone = matchMedia('(max-width: 599px), (max-width: 899px) and (min-height: 500px)');
/** The questions live in their tab, and over the picture in a sheet. */
function place() {
  const over = phone.matches && document.body.classList.contains('tall');
  (over ? sheet.querySelector('[data-part=place]') : document.getElementById('panel-questions'))?.append(questions);
  if (!over && sheet.open) sheet.close();
  if (over && tabs[0]) choose(tabs[0]);
}
phone.addEventListener('change', place);
place();
for (const dialog of /** @type {NodeListOf<HTMLDialogElement>} */ (document.querySelectorAll('dialog.sheet'))) {
  dialog.addEventListener('click', (event) => { if (event.target === dialog || (event.target instanceof Element && event.target.closest('[data-close]'))) dialog.close(); });
}
document.querySelector('[data-part=open-questions]')?.addEventListener('click', () => sheet.showModal());
for (const button of document.querySelectorAll('[data-part=open-settings]')) button.addEventListener('click', () => settings.showModal());
sheet.querySelector('[data-part=ask-here]')?.addEventListener('click', () => { sheet.close(); composer.ask(true); composer.field.focus(); });
for (const choice of /** @type {NodeListOf<HTMLInputElement>} */ (settings.querySelectorAll('[name=speak]'))) {
  choice.checked = choice.value === speak();
  choice.addEventListener('change', () => kept('speak', choice.value));
}

rememberZone();
localTimes(document);
connection.subscribe(channel, { feed: 'sampled', ...page.position });
connection.start();
