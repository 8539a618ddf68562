/** The moderator's console: joins the connection, the feed, the queue, the card, the log and the keys. */
import { Connection, Refused } from '../core/connection.js';
import { announcer, localTimes, rememberZone, wordsOf } from '../core/i18n.js';
import { refusalText } from '../room/composer.js';
import { Card } from './card.js';
import { Deeds } from './deeds.js';
import { keyList, wordDialog } from './dialogs.js';
import { Feed, find } from './feed.js';
import { Keys } from './keys.js';
import { Log } from './log.js';
import { Queue, age } from './queue.js';
import { swipes } from './swipe.js';

const page = JSON.parse(document.getElementById('page')?.textContent ?? '{}');
const words = wordsOf(document), { t, tn } = words, labels = page.labels;
const room = page.room.id, channel = `room:${room}`, staff = `${channel}:staff`;
const csrf = document.querySelector('meta[name=csrf]')?.getAttribute('content') ?? '';
const main = find(document, 'main'), finder = /** @type {HTMLInputElement} */ (find(document, '#find'));

async function ticket() {
  const answer = await fetch('/v1/ticket', { method: 'POST', headers: { 'X-CSRF': csrf }, credentials: 'same-origin' });
  if (answer.ok) return (await answer.json()).ticket;
  if (answer.status >= 500 || answer.status === 429) throw new Error(String(answer.status));
  return null;
}
const connection = new Connection({ url: `${location.origin.replace(/^http/, 'ws')}/v1/live`, token: ticket });
/** @param {string} cmd @param {Record<string, any>} args */
const ask = (cmd, args = {}) => connection.command(cmd, { room, ...args });
/** @param {number} seconds */
const step = (seconds) => labels.step[seconds] ?? tn('{n} second', '{n} seconds', seconds);
/** @param {string} id @param {string} message */
const person = (id, message) => `/console/people/${encodeURIComponent(id)}?room=${room}${message ? `&message=${message}` : ''}`;

/* ---- parts ---- */

/** @type {Card} */ let card;
/** @type {Queue} */ let queue;
const feed = new Feed({
  words, root: find(document, '[data-feed]'), person,
  act: (deed, line) => deeds.line(deed, line),
  chosen: (line) => { if (line) card.open(line.author, line.id); else if (!card.person) card.close(); },
  hideAll: (ids) => void deeds.hideAll(ids),
});
const deeds = new Deeds({ words, ask, feed, queue: () => queue, card: () => card, refusal: (error) => refusalText(words, error), labels, step }, find(document, '#toast'));
card = new Card({
  words, root: find(document, '[data-card]'), labels, rank: page.rank, you: page.you.id, step,
  load: (id) => ask('person.card', { person: id }),
  act: (deed, who, extra) => deeds.person(deed, who, extra),
  closed: () => { feed.unselect(); feed.scroller.focus({ preventScroll: true }); },
});
queue = new Queue({
  words, root: find(document, '[data-queue]'), you: page.you.id, held: page.queue, reports: page.reports, labels, person, now: () => connection.now(),
  changed: (held, reports) => {
    for (const [slot, count] of /** @type {[string, number][]} */ ([['[data-held-only]', held], ['[data-held-count]', held + reports], ['[data-reported-count]', reports], ['[aria-current] [data-waiting]', held]])) {
      const place = /** @type {HTMLElement | null} */ (document.querySelector(slot));
      if (!place) continue;
      place.hidden = count === 0;
      (place.querySelector('span:last-child') ?? place).textContent = words.number(count);
    }
  },
  act: (deed, id) => {
    if (deed === 'approve' || deed === 'reject') deeds.decide(deed, id);
    else if (deed === 'report-hide') deeds.settle('hide', id);
    else if (deed === 'report-dismiss') deeds.settle('dismiss', id);
    else ask('held.claim', { id, take: deed === 'take' }).then((reply) => { if (reply.claimed) queue.claimed(id, reply.claimed); }, () => {});
  },
  open: (who, message) => card.open(who, message),
});
const log = new Log({ words, root: find(document, '[data-log]'), labels, you: page.you.id, step, undo: (id) => deeds.undoLogged(id), now: () => connection.now() });
const say = announcer(find(document, '#spoken'));
swipes(feed.rows, (row) => { const line = feed.line(row.dataset.id ?? ''); if (line) void deeds.hide(line.id); });

/* ---- keys ---- */

const keys = new Keys({ getItem: (key) => { try { return localStorage.getItem(key); } catch { return null; } }, setItem: (key, value) => localStorage.setItem(key, value) });
const showKeys = keyList(/** @type {HTMLDialogElement} */ (find(document, '#keys')), keys);
const showFilter = wordDialog(/** @type {HTMLDialogElement} */ (find(document, '#filter')), {
  words, look: async (word) => (await ask('word.try', { word })).messages, add: (word, action) => deeds.addWord(word, action),
});
document.querySelector('[data-help]')?.addEventListener('click', showKeys);
const rooms = [.../** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll('[data-room]'))];
/** @type {'timeouts' | 'rooms' | null} */ let waiting = null;
/** @type {any} */ let waitingTimer = null;
/** @param {'timeouts' | 'rooms'} what @param {string} said */
function wait(what, said) {
  waiting = what;
  deeds.toast(said);
  clearTimeout(waitingTimer);
  waitingTimer = setTimeout(() => { waiting = null; }, 4000);
}
/** @param {number} by */
function otherRoom(by) {
  const at = rooms.findIndex((link) => link.hasAttribute('aria-current'));
  rooms[(at + by + rooms.length) % rooms.length]?.click();
}
/** The second key of two. @param {KeyboardEvent} event */
function second(event) {
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1], what = waiting;
  if (!what || (!digit && /^(Shift|Control|Alt|Meta)/.test(event.code))) return false;
  waiting = null;
  if (!digit) return false;
  event.preventDefault();
  const seconds = page.steps[Number(digit) - 1], line = feed.selected;
  if (what === 'rooms') rooms[Number(digit) - 1]?.click();
  else if (seconds && line) deeds.line('timeout', line, { seconds });
  return true;
}
/** @param {KeyboardEvent} event */
function pressed(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (target.closest('input, textarea, select') || second(event)) return;
  if (event.code === 'Space' && target.closest('button, a')) return;
  const act = keys.actOf(event), line = feed.selected;
  if (!act) return;
  event.preventDefault();
  switch (act) {
    case 'next': return feed.move(1);
    case 'previous': return feed.move(-1);
    case 'pause': return feed.pause();
    case 'live': return feed.toNewest();
    case 'undo': return deeds.undo();
    case 'search': return finder.focus();
    case 'help': return showKeys();
    case 'before': return otherRoom(-1);
    case 'after': return otherRoom(1);
    case 'rooms': return wait('rooms', t('Room: press 1 to 9'));
    case 'approve': case 'reject': { const item = queue.current; return item && deeds.decide(act, item.id); }
    case 'timeouts': return line ? wait('timeouts', t('Time-out: press 1 to 6')) : undefined;
    case 'filter': return showFilter(getSelection()?.toString().trim() || line?.text || '');
    case 'card': return line ? card.open(line.author, line.id) : undefined;
    case 'note': if (line) { card.open(line.author, line.id); card.focusNote(); } return;
    default: if (line) deeds.line(act, line, { reason: card.person?.id === line.author.id ? card.reason : '' });
  }
}
for (const place of ['[data-feed]', '[data-queue]']) find(document, place).addEventListener('keydown', pressed);
finder.form?.addEventListener('submit', (event) => event.preventDefault());
finder.addEventListener('input', () => feed.look(finder.value));
finder.addEventListener('keydown', (event) => { if (event.key === 'Escape') { finder.value = ''; feed.look(''); feed.scroller.focus(); } });

/* ---- views and guard ---- */

for (const tab of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-tab]'))) {
  tab.addEventListener('click', (event) => {
    event.preventDefault();
    main.dataset.view = tab.dataset.tab;
    for (const other of document.querySelectorAll('[data-tab]')) other.setAttribute('aria-selected', String(other === tab));
  });
}
let guard = page.guard;
function guarded() {
  const left = guard.until - connection.now(), banner = find(document, '[data-guard]');
  banner.hidden = left <= 0;
  const off = /** @type {HTMLElement | null} */ (document.querySelector('[data-guard-off]'));
  if (off) off.hidden = left > 0;
  find(banner, '[data-left]').textContent = age(left);
  if (guard.by) find(banner, '[data-guard-by]').textContent = t('Begun by {name}.', { name: guard.by });
}
for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (document.querySelectorAll('[data-guard-form]'))) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    ask('guard.set', { minutes: Number(form.dataset.guardForm) }).then((reply) => { guard = reply.guard; guarded(); }, (error) => deeds.refused(error));
  });
}
setInterval(() => {
  guarded();
  queue.tick();
  const rate = document.querySelector('[data-rate]');
  if (rate) rate.textContent = feed.rate ? t('{n} a minute', { n: feed.rate }) : t('quiet');
}, 1000);

/* ---- what arrives ---- */

/** Who did it, in words. @param {{id: string, name: string} | undefined} by */
const hidBy = (by) => (by?.id === page.you.id ? t('You hid this') : by?.name ? t('{name} hid this', { name: by.name }) : t('Hidden'));
/** @param {import('../core/connection.js').Item} item */
function said(item) {
  const { body } = item;
  switch (body.event) {
    case 'comment.posted': case 'comment.restored': return feed.posted(item);
    case 'comment.edited': return feed.edited(body.id, body.text);
    case 'comment.hidden': return feed.hidden(body.id, hidBy(body.by));
    case 'comment.deleted': return feed.deleted(body.id);
    case 'comments.purged': return feed.purged(body.person, true, t('All messages hidden'));
    case 'comments.unpurged': return feed.purged(body.person, false, '');
    case 'question.asked': return feed.noted(body.id, t('Asked as a question'));
    case 'person.muted': case 'person.unmuted': if (card.person?.id === body.person) void card.reload();
  }
}
/** @param {any} body */
function told(body) {
  switch (body.event) {
    case 'held.added': queue.add(body); return say(t('A message waits for review.'));
    case 'held.claimed': return queue.claimed(body.id, body.by);
    case 'held.decided': return void queue.remove(body.id);
    case 'report.added': queue.reported(body); feed.reported(body.id, body.count); return say(t('A message was reported.'));
    case 'report.resolved': queue.settle(body.id); return feed.reported(body.id, 0);
    case 'action.logged': {
      log.add(body);
      if (body.action === 'guard.start' || body.action === 'guard.end') guard = { until: body.details.until, by: body.by.name };
      if (body.undoes || body.action === 'unpurge') void again();
      if (body.person && card.person?.id === body.person) void card.reload();
    }
  }
}
/** Read the queue anew: something was undone, or missed. */
async function again() {
  try {
    const [held, reports] = await Promise.all([ask('held.list'), ask('report.list')]);
    queue.replace(held.items, reports.reports);
  } catch {
    // The next joining reads it.
  }
}
connection.on('items', (from, /** @type {import('../core/connection.js').Item[]} */ items) => {
  for (const item of items) if (from === channel) said(item); else told(item.body);
});
connection.on('gap', (from) => { if (from === channel) feed.gap(); else void again(); });
let joinedBefore = false;
connection.on('joined', (from) => {
  if (from !== staff) return;
  if (joinedBefore) void again();
  joinedBefore = true;
});
connection.on('refused', (_, /** @type {Refused} */ error) => deeds.refused(error));
connection.on('state', (state) => {
  const link = /** @type {HTMLElement | null} */ (document.querySelector('[data-link]'));
  if (!link) return;
  link.classList.toggle('off', state !== 'open');
  link.textContent = state === 'open' ? t('Connected') : state === 'away' ? t('Disconnected') : t('Connecting…');
});
connection.subscribe(channel, { feed: 'full' });
connection.subscribe(staff, { feed: 'full' });
connection.start();
guarded();
rememberZone();
localTimes(document);
if (finder.value) feed.look(finder.value);
if (matchMedia('(min-width: 900px)').matches && !finder.value) feed.scroller.focus({ preventScroll: true });
