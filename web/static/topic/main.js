/** The topic room: a conversation with days, reactions, who is writing, and where one stopped reading. */
import { moment, wordsOf } from '../core/i18n.js';
import { CommentList } from '../room/comments.js';
import { Composer } from '../room/composer.js';
import { find, kept, RoomPage } from '../room/room.js';
import { fillRow } from '../room/rows.js';

/**
 * @typedef {import('../room/comments.js').Shown} Shown
 * @typedef {import('../core/connection.js').Body} Body
 */

/** web/pages/talk.py puts messages together alike. */
const TOGETHER = 300_000, TYPING_FOR = 5000, TYPING_EVERY = 3000;
const page = JSON.parse(document.getElementById('page')?.textContent ?? '{}');
const words = wordsOf(document), { t, tn } = words;

/** @param {string} id @returns {HTMLElement} */
function clone(id) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  return /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
}

/** `<comment-list>` of a topic room. */
class MessageList extends CommentList {
  /** Own reactions whose push is still to come. @type {Set<string>} */ expected = new Set();

  /** @param {Shown} comment */
  makeRow(comment) {
    if (comment.marker) return super.makeRow(comment);
    const quoted = comment.replyTo && !comment.replyTo.text ? this.find(comment.replyTo.id)?.text : undefined;
    if (comment.replyTo && quoted) comment.replyTo.text = quoted;
    const row = fillRow(clone('comment-row'), comment, words);
    for (const { kind, count, own } of comment.reactions ?? []) this.#button(row, kind, count, own);
    return row;
  }

  /** Days and what belongs together, after rows came or went. */
  drawn() {
    /** @type {HTMLElement | null} */ let before = null;
    for (const row of [...this.rows.children]) {
      if (!(row instanceof HTMLElement)) continue;
      if (row.matches('.day-d')) { row.remove(); continue; }
      if (!row.matches('.m')) continue;
      const at = Number(row.dataset.at), day = new Date(at).toDateString();
      const sameDay = before && new Date(Number(before.dataset.at)).toDateString() === day;
      if (!sameDay) { const divider = clone('day-row'); /** @type {HTMLElement} */ (divider.firstElementChild).textContent = dayName(at); row.before(divider); }
      row.classList.toggle('cont', Boolean(sameDay && before && before.nextElementSibling === row && before.dataset.author === row.dataset.author && !row.dataset.reply && at - Number(before.dataset.at) < TOGETHER));
      before = row;
    }
  }

  /** @param {string} id @param {string} kind @param {number} step @param {boolean | null} own what becomes of the reader's own */
  react(id, kind, step, own) {
    const row = this.rowOf(id);
    if (!row) return;
    const button = row.querySelector(`.rx [data-kind=${kind}]`), count = Number(/** @type {HTMLElement | null} */ (button)?.dataset.count ?? button?.querySelector('b')?.textContent?.replace(/\D/g, '') ?? 0) + step;
    this.#button(row, kind, count, own ?? button?.getAttribute('aria-pressed') === 'true');
  }

  /** @param {HTMLElement} row @param {string} kind @param {number} count @param {boolean} own */
  #button(row, kind, count, own) {
    const list = /** @type {HTMLElement} */ (row.querySelector('.rx'));
    let button = /** @type {HTMLElement | null} */ (list.querySelector(`[data-kind=${kind}]`));
    if (count <= 0) button?.parentElement?.remove();
    else {
      if (!button) {
        const item = clone('reactions').querySelector(`[data-kind=${kind}]`)?.parentElement;
        if (item) list.append(item);
        button = /** @type {HTMLElement | null} */ (list.querySelector(`[data-kind=${kind}]`));
      }
      if (!button) return;
      button.dataset.count = String(count);
      button.setAttribute('aria-pressed', String(own));
      const slot = button.querySelector('b');
      if (slot) slot.textContent = words.number(count);
    }
    list.hidden = list.childElementCount === 0;
  }
}

customElements.define('comment-list', MessageList);
customElements.define('room-composer', Composer);
const list = find('comment-list', MessageList), typing = find('[data-part=typing]', HTMLElement);
list.list.cap = 400;
list.list.perSecond = 200;

const room = new RoomPage({
  words, page, comments: list, feed: 'full',
  onBody: (body) => {
    if (body.event === 'reaction.added') reacted(body, 1);
    else if (body.event === 'reaction.removed') reacted(body, -1);
    else if (body.event === 'comment.posted') stopped(body.author.id);
  },
  onNow: (body) => {
    if (body.event === 'viewers.counted') watching(body.count);
    else if (body.event === 'typing.started' && body.person.id !== room.me?.id) started(body.person);
  },
  onJoined: (now) => { if ('pinned' in now) list.pin(now.pinned); },
  onTyping: () => tellTyping(),
  act: (deed, comment, kind) => { if (deed === 'react' && kind) react(comment.id, kind); },
});
room.begin();
if (page.asking) room.composer.ask(true);
list.drawn();
list.rows.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest('.rx [data-kind]') : null;
  const id = button?.closest('li[data-id]')?.getAttribute('data-id');
  if (button instanceof HTMLElement && id) react(id, button.dataset.kind ?? '');
});

/** @param {number} at */
function dayName(at) {
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 864e5);
  return days === 0 ? t('Today') : days === 1 ? t('Yesterday') : moment(words.locale, at, 'day');
}

/* ---- reactions ---- */

/** @param {string} id @param {string} kind */
function react(id, kind) {
  if (!room.me) return room.takeName();
  const on = list.rowOf(id)?.querySelector(`.rx [data-kind=${kind}]`)?.getAttribute('aria-pressed') !== 'true';
  const key = `${id} ${kind} ${on}`;
  list.expected.add(key);
  list.react(id, kind, on ? 1 : -1, on);
  room.ask(on ? 'reaction.add' : 'reaction.remove', { id, kind }).catch((error) => {
    list.expected.delete(key);
    list.react(id, kind, on ? -1 : 1, !on);
    room.refused(error);
  });
}

/** @param {Body} body @param {number} step */
function reacted(body, step) {
  const mine = body.person === room.me?.id;
  if (mine && list.expected.delete(`${body.id} ${body.kind} ${step > 0}`)) return;
  list.react(body.id, body.kind, step, mine ? step > 0 : null);
}

/* ---- who is here, who writes ---- */

/** @param {number} count */
function watching(count) {
  for (const slot of document.querySelectorAll('[data-viewers]')) slot.textContent = words.number(count);
  for (const slot of document.querySelectorAll('[data-has-viewers]')) if (slot instanceof HTMLElement) slot.hidden = count === 0;
}

/** @type {Map<string, {name: string, timer: any}>} */
const writers = new Map();
let told = 0;
/** @param {{id: string, name: string}} person */
function started({ id, name }) {
  clearTimeout(writers.get(id)?.timer);
  writers.set(id, { name, timer: setTimeout(() => stopped(id), TYPING_FOR) });
  showWriters();
}
/** @param {string} id */
function stopped(id) {
  clearTimeout(writers.get(id)?.timer);
  if (writers.delete(id)) showWriters();
}
function showWriters() {
  const names = [...writers.values()].map(({ name }) => name);
  if (!names.length) typing.textContent = '';
  else if (names.length === 1) typing.textContent = t('{name} is writing…', { name: names[0] });
  else typing.textContent = tn('{name} and {n} other are writing…', '{name} and {n} others are writing…', names.length - 1, { name: names[0] });
}
function tellTyping() {
  if (!room.me || Date.now() - told < TYPING_EVERY || !room.composer.field.value.trim()) return;
  told = Date.now();
  room.ask('typing.start', {}).catch(() => {});
}

/* ---- where one stopped reading ---- */

const seen = `seen:${page.room.id}`, [epoch, offset] = (kept(seen) ?? '').split('-').map(Number);
if (epoch === page.position.epoch && offset < page.position.offset) {
  const fresh = [...list.rows.querySelectorAll('li.m')].filter((row) => row instanceof HTMLElement && Number(row.dataset.epoch) === epoch && Number(row.dataset.offset) > offset && row.dataset.author !== room.me?.id);
  const line = clone('new-row'), slot = line.firstElementChild;
  if (slot) slot.textContent = tn('{n} new message', '{n} new messages', fresh.length);
  fresh[0]?.before(line);
}
/** All that is on the screen counts as read. */
function read() {
  const last = list.rows.querySelector('li.m:last-of-type');
  if (!document.hidden && !list.list.paused && last instanceof HTMLElement && Number(last.dataset.offset)) kept(seen, `${last.dataset.epoch}-${last.dataset.offset}`);
}
addEventListener('pagehide', read);
document.addEventListener('visibilitychange', read);
setInterval(read, 10_000);
