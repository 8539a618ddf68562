/** The host's studio: joins the connection, the questions, the checks, the comments and the room's rules. */
import { Connection, Refused } from '../core/connection.js';
import { localTimes, rememberZone, wordsOf } from '../core/i18n.js';
import { LiveList } from '../core/lists.js';
import { refusalText } from '../room/composer.js';
import { commentFrom, commentOf, fillRow } from '../room/rows.js';
import { Checks } from './checks.js';
import { Questions } from './questions.js';

/** @typedef {import('../room/rows.js').Comment} Comment */

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

/** @param {string} text */
function toast(text) {
  const box = /** @type {HTMLElement} */ (find('#toast'));
  box.textContent = text;
  box.hidden = false;
  clearTimeout(Number(box.dataset.timer));
  box.dataset.timer = String(setTimeout(() => { box.hidden = true; }, 4000));
}
/** @param {unknown} error */
const refused = (error) => toast(refusalText(words, error instanceof Refused ? error : new Refused({ code: 'offline' })));

const questions = new Questions({
  list: find('[data-questions-list]'), card: find('template[data-card]'), empty: find('[data-empty]'), words,
  sort: page.sort, questions: page.questions, live: () => page.broadcast.state === 'live',
  ask: (cmd, args) => ask(cmd, args).catch((error) => { refused(error); throw error; }),
  fetchAll: async (sort) => {
    const answer = await fetch(`/v1/rooms/${room}/questions?sort=${sort}`, { credentials: 'same-origin' });
    return answer.ok ? (await answer.json()).questions : [];
  },
  counts: (open, answered) => { put('open', words.number(open)); put('answered', words.number(answered)); },
  open: Number(find('[data-open]').textContent?.replace(/\D/g, '') || 0),
  answered: Number(find('[data-answered]').textContent?.replace(/\D/g, '') || 0),
});
for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll('[data-sort]'))) {
  link.addEventListener('click', (event) => {
    event.preventDefault();
    for (const other of document.querySelectorAll('[data-sort]')) other.toggleAttribute('aria-current', other === link);
    link.setAttribute('aria-current', 'true');
    void questions.sortBy(link.dataset.sort ?? 'popular');
  });
}

const checks = new Checks({ list: find('[data-checks]'), words, url: `/studio/${page.broadcast.id}/checks` });
find('[data-again]').addEventListener('click', () => checks.look());
void checks.look();

/* ---- comments ---- */

const rows = /** @type {HTMLElement} */ (find('.fd ol')), scroller = /** @type {HTMLElement} */ (find('.fd .list'));
const row = /** @type {HTMLTemplateElement} */ (find('template[data-row]'));
/** @type {LiveList<Comment>} */
const list = new LiveList(rows, { row: (comment) => fillRow(/** @type {HTMLElement} */ (row.content.firstElementChild?.cloneNode(true)), comment, words), perSecond: 15 });
list.follow(scroller);
/** @type {number[]} */
let arrivals = [];
const menu = /** @type {HTMLDialogElement} */ (find('#row-menu'));
/** @type {Comment | null} */
let chosen = null;
rows.addEventListener('click', (event) => {
  const clicked = event.target instanceof Element ? event.target.closest('li') : null;
  if (!clicked || !(event.target instanceof Element) || !event.target.closest('.more')) return;
  chosen = commentFrom(/** @type {HTMLElement} */ (clicked), page.you.id);
  find('[data-name]', menu).textContent = chosen.author.name;
  find('[data-quote]', menu).textContent = chosen.text;
  menu.showModal();
});
menu.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest('[data-deed]') : null;
  if (event.target === menu || (event.target instanceof Element && event.target.closest('[data-close]'))) return menu.close();
  if (!(button instanceof HTMLElement) || !chosen) return;
  menu.close();
  const cmd = { pin: 'comment.pin', mark: 'question.mark', hide: 'comment.hide' }[button.dataset.deed ?? ''];
  if (cmd) ask(cmd, { id: chosen.id }).catch(refused);
});
find('[data-unpin]').addEventListener('click', () => { ask('comment.unpin').catch(refused); });
/** @param {{author: {name: string}, text: string} | null} pinned */
function pin(pinned) {
  const line = /** @type {HTMLElement} */ (find('[data-pinned]'));
  line.hidden = !pinned;
  find('b', line).textContent = pinned?.author.name ?? '';
  find('bdi', line).textContent = pinned?.text ?? '';
}
const say = /** @type {HTMLFormElement} */ (find('[data-say]')), field = /** @type {HTMLInputElement} */ (find('#say'));
say.addEventListener('submit', (event) => {
  event.preventDefault();
  const text = field.value.trim();
  if (!text) return;
  field.value = '';
  const send = () => ask('comment.post', { text, client_message_id: crypto.randomUUID() });
  send().catch((error) => { field.value ||= text; refused(error); });
});

/* ---- what arrives ---- */

const GONE = new Set(['comment.deleted', 'comment.hidden']);
connection.on('items', (from, /** @type {import('../core/connection.js').Item[]} */ items) => {
  if (from !== channel) return;
  const fresh = [];
  for (const item of items) {
    const { body } = item;
    questions.change(body);
    if (body.event === 'comment.posted') fresh.push(commentOf(item, page.you.id));
    else if (GONE.has(body.event)) list.remove((comment) => comment.id === body.id, rows.querySelectorAll(`[data-id="${CSS.escape(body.id)}"]`));
    else if (body.event === 'comments.purged') list.remove((comment) => comment.author.id === body.person, rows.querySelectorAll(`[data-author="${CSS.escape(body.person)}"]`));
    else if (body.event === 'comment.pinned') pin(body);
    else if (body.event === 'comment.unpinned') pin(null);
    else if (body.event === 'room.changed') rules(body);
    else if (body.event === 'broadcast.started' || body.event === 'broadcast.ended') location.reload();
  }
  arrivals.push(...fresh.map(() => Date.now()));
  list.push(fresh.filter((comment) => !rows.querySelector(`[data-id="${CSS.escape(comment.id)}"]`)));
});
connection.on('now', (_, /** @type {import('../core/connection.js').Body} */ body) => {
  if (body.event === 'viewers.counted') put('viewers', words.number(body.count));
  else if (body.event === 'reactions.counted') put('hearts', words.compact(body.total));
  else questions.change(body);
});
connection.on('joined', (_, /** @type {import('../core/connection.js').Joined} */ { room: now }) => {
  if (typeof now?.viewers === 'number') put('viewers', words.number(now.viewers));
  if (now?.mode) rules(now);
});
connection.on('state', (state) => { /** @type {HTMLElement} */ (find('[data-link]')).hidden = state !== 'open'; });

/* ---- rules, clock, ending ---- */

/** @param {{mode: string, cooldown_ms: number}} now */
function rules({ mode, cooldown_ms: cooldown }) {
  /** @type {HTMLSelectElement} */ (find('#mode')).value = mode;
  /** @type {HTMLSelectElement} */ (find('#seconds')).value = String(cooldown / 1000);
}
find('#mode').addEventListener('change', (event) => { ask('room.set_mode', { mode: /** @type {HTMLSelectElement} */ (event.target).value }).then(() => toast(t('Saved.')), refused); });
find('#seconds').addEventListener('change', (event) => { ask('room.set_slow', { seconds: Number(/** @type {HTMLSelectElement} */ (event.target).value) }).then(() => toast(t('Saved.')), refused); });

function tick() {
  const { state, started_at: started, starts_at: starts } = page.broadcast;
  const seconds = Math.floor(Math.abs(connection.now() - (state === 'live' ? started : starts)) / 1000);
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  if (state === 'live') put('timer', clock);
  else if (state === 'scheduled') put('timer', connection.now() < starts ? t('Starts in {time}', { time: clock }) : t('Late by {time}', { time: clock }));
  arrivals = arrivals.filter((at) => at > Date.now() - 60_000);
  put('rate', words.number(arrivals.length));
}
setInterval(tick, 1000);
tick();

const hold = document.querySelector('[data-hold]');
if (hold instanceof HTMLFormElement) {
  const button = /** @type {HTMLButtonElement} */ (find('button', hold));
  /** @type {any} */
  let timer = null;
  let sure = false;
  const press = () => { button.classList.add('holding'); timer ??= setTimeout(() => { sure = true; hold.requestSubmit(); }, 2000); };
  const release = () => { button.classList.remove('holding'); clearTimeout(timer); timer = null; };
  hold.addEventListener('submit', (event) => { if (!sure) { event.preventDefault(); toast(t('Hold for two seconds to end the broadcast')); } });
  button.addEventListener('pointerdown', press);
  for (const name of ['pointerup', 'pointerleave', 'pointercancel', 'blur']) button.addEventListener(name, release);
  button.addEventListener('keydown', (event) => { if ((event.key === ' ' || event.key === 'Enter') && !event.repeat) press(); });
  button.addEventListener('keyup', release);
}

rememberZone();
localTimes(document);
connection.subscribe(channel, { feed: 'full' });
connection.start();
