/** The host's studio: joins the connection, the questions, the checks, the comments and the room's rules. */
import { Connection, Refused } from '../core/connection.js';
import { localTimes, rememberZone, wordsOf } from '../core/i18n.js';
import { refusalText } from '../room/composer.js';
import { Checks } from './checks.js';
import { Comments } from './comments.js';
import { Questions } from './questions.js';
import { Selling } from './selling.js';
import { holdToSend, tabs } from './views.js';

const page = JSON.parse(document.getElementById('page')?.textContent ?? '{}');
const words = wordsOf(document), { t } = words;
const room = page.room.id, channel = `room:${room}`;
const csrf = document.querySelector('meta[name=csrf]')?.getAttribute('content') ?? '';
/** @template {Element} T @param {string} selector @param {ParentNode} [root] @returns {T} */
const find = (selector, root = document) => /** @type {T} */ (root.querySelector(selector));
/** @param {string} name @param {string} text */
const put = (name, text) => { for (const slot of document.querySelectorAll(`[data-${name}]`)) slot.textContent = text; };

async function ticket() {
  const answer = await fetch('/v1/ticket', { method: 'POST', headers: { 'X-CSRF': csrf }, credentials: 'same-origin' });
  if (answer.ok) return (await answer.json()).ticket;
  if (answer.status >= 500 || answer.status === 429) throw new Error(String(answer.status));
  return null;
}
const connection = new Connection({ url: `${location.origin.replace(/^http/, 'ws')}/v1/live`, token: ticket });
/** @param {string} cmd @param {Record<string, any>} args */
const ask = (cmd, args = {}) => connection.command(cmd, { room, ...args });

/** @type {any} */
let shown = null;
/** @param {string} text */
function toast(text) {
  const box = /** @type {HTMLElement} */ (find('#toast'));
  box.textContent = text;
  box.hidden = false;
  clearTimeout(shown);
  shown = setTimeout(() => { box.hidden = true; }, 4000);
}
/** @param {unknown} error */
const refused = (error) => toast(refusalText(words, error instanceof Refused ? error : new Refused({ code: 'offline' })));

const questions = new Questions({
  list: find('[data-questions-list]'), card: find('template[data-card]'), empty: find('[data-empty]'), words,
  sort: page.sort, questions: page.questions, live: () => page.broadcast.state === 'live',
  ask: (cmd, args) => ask(cmd, args).catch((error) => { refused(error); throw error; }),
  fetchAll: async (sort) => {
    const answer = await fetch(`/v1/rooms/${room}/questions?sort=${sort}`, { credentials: 'same-origin' });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  },
  counts: (open, answered) => {
    put('open', words.number(open)); put('answered', words.number(answered));
    /** @type {HTMLElement} */ (find('[data-hot]')).hidden = open === 0;
  },
});
for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll('[data-sort]'))) {
  link.addEventListener('click', (event) => {
    event.preventDefault();
    questions.sortBy(link.dataset.sort ?? 'popular').then(() => {
      for (const other of document.querySelectorAll('[data-sort]')) other.removeAttribute('aria-current');
      link.setAttribute('aria-current', 'true');
    }, refused);
  });
}

const checklist = document.querySelector('[data-checks]');
if (checklist instanceof HTMLElement) {
  const checks = new Checks({ list: checklist, words, url: `/studio/${page.broadcast.id}/checks` });
  find('[data-again]').addEventListener('click', () => checks.look());
  void checks.look();
}

const comments = new Comments({ root: find('#fd'), menu: find('#row-menu'), words, you: page.you.id, now: () => connection.now(), ask, refused, done: toast });
const selling = new Selling({ words, ask, now: () => connection.now(), toast, refused, room, broadcast: page.broadcast }, page.shop);
tabs(find('.stu'), find('.views [role=tablist]'));

/* ---- what arrives ---- */

connection.on('items', (from, /** @type {import('../core/connection.js').Item[]} */ items) => {
  if (from !== channel) return;
  comments.take(items);
  for (const { at, body } of items) {
    // What was said before this page was made stands in it already.
    if (at <= page.now) continue;
    questions.change(body);
    selling.change(body);
    if (body.event === 'room.changed') rules(body);
    else if (body.event === 'broadcast.started' || body.event === 'broadcast.ended') settled(body.broadcast?.id ?? body.id, body.event === 'broadcast.started' ? 'live' : 'ended');
  }
});
connection.on('now', (_, /** @type {import('../core/connection.js').Body} */ body) => {
  if (body.event === 'viewers.counted') put('viewers', words.number(body.count));
  else if (body.event === 'reactions.counted') put('hearts', words.compact(body.total));
  else { questions.change(body); selling.change(body); }
});
connection.on('joined', (_, /** @type {import('../core/connection.js').Joined} */ { room: now }) => { if (now?.mode) rules(now); });
connection.on('gap', () => { selling.again(); void questions.sortBy(questions.sort).catch(() => {}); });

/** @type {any} */
let late = null;
connection.on('state', (/** @type {string} */ state, /** @type {number} */ code) => {
  const line = /** @type {HTMLElement} */ (find('[data-conn]'));
  /** @type {HTMLElement} */ (find('[data-link]')).hidden = state !== 'open';
  clearTimeout(late);
  if (state === 'open') { line.hidden = true; return; }
  if (state !== 'away') { late = setTimeout(() => { put('conn-text', t('Reconnecting… What you do here waits until then.')); line.hidden = false; }, 2000); return; }
  put('conn-text', code === 4505 ? t('You have been shut out of this community.') : code === 4504 ? t('This account is open in too many windows.') : t('You are signed out. Reload this page to go on.'));
  line.hidden = false;
});

/** The page of a broadcast that began or ended elsewhere has to be another one. @param {string} id @param {string} state */
function settled(id, state) {
  if (String(id) === String(page.broadcast.id) && page.broadcast.state !== state) location.reload();
}

/* ---- rules, clock, ending ---- */

/** @param {{mode: string, cooldown_ms: number}} now */
function rules({ mode, cooldown_ms: cooldown }) {
  const slow = /** @type {HTMLSelectElement} */ (find('#seconds')), seconds = cooldown / 1000;
  /** @type {HTMLSelectElement} */ (find('#mode')).value = mode;
  if (![...slow.options].some((option) => Number(option.value) === seconds)) slow.add(new Option(words.tn('{n} second between comments', '{n} seconds between comments', seconds), String(seconds)));
  slow.value = String(seconds);
}
/** @param {string} id @param {(value: string) => [string, Record<string, any>]} how */
function choice(id, how) {
  const select = /** @type {HTMLSelectElement} */ (find(id));
  let before = select.value;
  select.addEventListener('focus', () => { before = select.value; });
  select.addEventListener('change', () => {
    const [cmd, args] = how(select.value);
    ask(cmd, args).then(() => { before = select.value; toast(t('Saved.')); }, (error) => { select.value = before; refused(error); });
  });
}
choice('#mode', (mode) => ['room.set_mode', { mode }]);
choice('#seconds', (seconds) => ['room.set_slow', { seconds: Number(seconds) }]);

function tick() {
  const { state, started_at: started, starts_at: starts } = page.broadcast;
  const seconds = Math.floor(Math.abs(connection.now() - (state === 'live' ? started : starts)) / 1000);
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const hours = Math.floor(seconds / 3600), clock = `${two(hours)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  if (state === 'live') put('timer', clock);
  else if (state === 'scheduled') put('timer', connection.now() >= starts ? t('Late by {time}', { time: clock }) : hours < 24 ? t('Starts in {time}', { time: clock }) : words.tn('Starts in {n} day', 'Starts in {n} days', Math.floor(hours / 24)));
  put('rate', words.number(comments.rate()));
  selling.tick();
  const asked = document.querySelector('.clu.now [data-text]')?.textContent ?? '';
  document.querySelector('[data-onstage]')?.toggleAttribute('hidden', !asked);
  put('onstage-text', asked);
}
setInterval(tick, 1000);
tick();

const hold = document.querySelector('[data-hold]');
if (hold instanceof HTMLFormElement) holdToSend(hold, () => toast(t('Hold for two seconds to end the broadcast')));

rememberZone();
localTimes(document);
connection.subscribe(channel, { feed: 'full' });
connection.start();
