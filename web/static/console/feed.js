/** The feed of a moderator: every message, hidden ones too, one of them selected. */
import { moment } from '../core/i18n.js';
import { LiveList } from '../core/lists.js';
import { hue, initials, isStaff, roleName } from '../room/rows.js';
import { Repeats } from './repeats.js';

/**
 * @typedef {{id: string, name: string, role: string}} Author
 * @typedef {{id: string, at: number, author: Author, text: string, hidden: boolean, by: string, reports: number, note: string, group?: import('./repeats.js').Group}} Line
 * @typedef {import('../core/i18n.js').Words} Words
 * @typedef {{words: Words, root: HTMLElement, person: (id: string, message: string) => string,
 *   act: (deed: string, line: Line) => void, chosen: (line: Line | null) => void, hideAll: (ids: string[]) => void}} How
 */

const KNOWN = 2000, SOON = 2000;
const LINK = /(https?:\/\/|www\.|\S\.(com|net|org|jp|io|me|gg|shop|xyz|ly)\b)/i;

/** A list that does not run on while a row of it is selected. @extends {LiveList<Line>} */
class FeedList extends LiveList {
  holding = false;
  resume() { if (!this.holding) super.resume(); }
}

/** @param {string} id @returns {HTMLElement} */
export function clone(id) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  return /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
}

/** @param {ParentNode} root @param {string} selector @returns {HTMLElement} */
export const find = (root, selector) => /** @type {HTMLElement} */ (root.querySelector(selector));

/** Draw a person's avatar. @param {Element | null} slot @param {{id: string, name: string}} person */
export function draw(slot, { id, name }) {
  if (!slot) return;
  slot.className = `${slot.className.replace(/ ?\bh\d+\b/g, '')} h${hue(id)}`;
  slot.textContent = initials(name);
}

export class Feed {
  /** @type {Map<string, Line>} */ #lines = new Map();
  #repeats = new Repeats();
  #words; #how;
  /** @type {number[]} */ #arrivals = [];
  /** @type {HTMLElement | null} */ #selected = null;
  #filter = '';
  #looking = '';

  /** @param {How} how */
  constructor(how) {
    const { root } = how;
    this.#how = how; this.#words = how.words;
    this.scroller = find(root, '[data-scroller]'); this.rows = find(root, 'ol');
    this.pill = find(root, '[data-pill]'); this.none = find(root, '[data-none]');
    this.list = new FeedList(this.rows, { row: (line) => this.#row(line), cap: 200, perSecond: 60, keep: (line) => isStaff(line.author.role) || line.reports > 0 || Boolean(line.group), onWaiting: (count) => this.#waiting(count) });
    this.list.follow(this.scroller);
    for (const row of this.rows.children) if (row instanceof HTMLElement) this.#read(row);
    this.rows.addEventListener('click', (event) => this.#clicked(event));
    this.pill.addEventListener('click', () => this.toNewest());
    for (const chip of root.querySelectorAll('[data-filter]')) chip.addEventListener('click', () => this.#show(/** @type {HTMLElement} */ (chip)));
  }

  /** @returns {Line | null} */
  get selected() { return this.#lines.get(this.#selected?.dataset.id ?? '') ?? null; }

  /** Messages of the last minute. */
  get rate() {
    const since = Date.now() - 60_000;
    this.#arrivals = this.#arrivals.filter((at) => at > since);
    return this.#arrivals.length;
  }

  /** @param {string} id */
  line(id) { return this.#lines.get(id); }

  /** @param {import('../core/connection.js').Item} item */
  posted({ at, body }) {
    const known = this.#lines.get(body.id);
    if (known) { if (body.event === 'comment.restored') this.shown(body.id); return; }
    /** @type {Line} */
    const line = { id: body.id, at, author: body.author, text: body.text, hidden: false, by: '', reports: 0, note: '' };
    this.#know(line);
    this.#arrivals.push(Date.now());
    this.none.hidden = true;
    const group = isStaff(line.author.role) ? null : this.#repeats.add(line);
    if (!group) return this.list.push([line]);
    const drawn = find(this.rows, `[data-group="${CSS.escape(group.key)}"]`);
    if (drawn) return void this.#fillGroup(drawn, group);
    // It may be on its way to the list; one that left the list comes again.
    if (group.shown && at - group.shown < SOON) return;
    group.shown = at;
    this.list.push([{ ...line, id: `group ${group.key}`, group }]);
  }

  /** @param {string} id @param {string} text */
  edited(id, text) {
    const line = this.#lines.get(id), row = this.#rowOf(id);
    if (line) line.text = text;
    if (row) find(row, '.x').textContent = text;
  }

  /** A message is hidden, by somebody. @param {string} id @param {string} by */
  hidden(id, by) { this.#change(id, (line) => { line.hidden = true; line.by = by; }); }

  /** @param {string} id */
  shown(id) { this.#change(id, (line) => { line.hidden = false; line.by = ''; }); }

  /** The author took it back. @param {string} id */
  deleted(id) {
    const row = this.#rowOf(id);
    if (row && row === this.#selected) this.unselect();
    this.list.remove((line) => line.id === id, row ? [row] : []);
    this.#lines.delete(id);
  }

  /** @param {string} person @param {boolean} hidden @param {string} by */
  purged(person, hidden, by) {
    for (const line of this.#lines.values()) if (line.author.id === person) { if (hidden) this.hidden(line.id, by); else this.shown(line.id); }
  }

  /** @param {string} id @param {number} count */
  reported(id, count) { this.#change(id, (line) => { line.reports = count; }); }

  /** Say something below a message. @param {string} id @param {string} note */
  noted(id, note) { this.#change(id, (line) => { line.note = note; }); }

  /** @param {1 | -1} step */
  move(step) {
    const rows = [...this.rows.children].filter((row) => row instanceof HTMLElement && row.offsetParent !== null && row.dataset.id && !row.dataset.group);
    const at = this.#selected ? rows.indexOf(this.#selected) : rows.length;
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + step))];
    if (next instanceof HTMLElement) this.select(next);
  }

  /** A key can never hit a row that just moved: selecting stops the feed. @param {HTMLElement} row */
  select(row) {
    if (row === this.#selected) return;
    this.#clear();
    this.list.holding = true;
    this.list.pause();
    this.#selected = row;
    row.classList.add('sel');
    row.setAttribute('aria-current', 'true');
    find(row, 'div').append(clone('row-acts'));
    row.scrollIntoView({ block: 'nearest' });
    row.focus({ preventScroll: true });
    this.#how.chosen(this.selected);
  }

  unselect() {
    if (!this.#selected) return;
    this.#clear();
    this.scroller.focus({ preventScroll: true });
    this.#how.chosen(null);
  }

  toNewest() {
    this.unselect();
    this.scroller.scrollTop = 0;
    this.list.resume();
  }

  pause() {
    if (this.list.paused) return this.toNewest();
    this.list.holding = true;
    this.list.pause();
    this.#waiting(0);
  }

  /** Show only what holds these words. @param {string} words */
  look(words) {
    this.#looking = words.trim().toLowerCase();
    for (const row of this.rows.children) if (row instanceof HTMLElement) this.#match(row);
  }

  /** What lies between could not be had again. */
  gap() {
    const row = document.createElement('li');
    row.className = 'gapline';
    row.textContent = this.#words.t('Some messages are missing here');
    this.rows.append(row);
  }

  #clear() {
    this.list.holding = false;
    this.#selected?.classList.remove('sel');
    this.#selected?.removeAttribute('aria-current');
    this.#selected?.querySelector('.acts')?.remove();
    this.#selected = null;
  }

  /** @param {string} id @param {(line: Line) => void} change */
  #change(id, change) {
    const line = this.#lines.get(id), row = this.#rowOf(id);
    if (!line) return;
    change(line);
    if (row) this.#fill(row, line);
  }

  /** @param {string} id */
  #rowOf(id) { return /** @type {HTMLElement | null} */ (this.rows.querySelector(`[data-id="${CSS.escape(id)}"]`)); }

  /** @param {Line} line */
  #know(line) {
    this.#lines.set(line.id, line);
    if (this.#lines.size > KNOWN) for (const key of this.#lines.keys()) { this.#lines.delete(key); break; }
  }

  /** Read back what the server rendered. @param {HTMLElement} row */
  #read(row) {
    const { id = '', author = '', role = '', at, reports } = row.dataset;
    this.#know({ id, at: Number(at), author: { id: author, role, name: find(row, '.n').textContent ?? '' }, text: find(row, '.x').textContent ?? '', hidden: row.classList.contains('gone'), by: find(row, '[data-by] span').textContent ?? '', reports: Number(reports), note: '' });
    row.toggleAttribute('data-link', LINK.test(find(row, '.x').textContent ?? ''));
  }

  /** @param {Line} line */
  #row(line) {
    if (line.group) return this.#fillGroup(clone('dup-row'), line.group);
    const row = clone('feed-row'), { author } = line;
    Object.assign(row.dataset, { id: line.id, author: author.id, role: author.role, at: line.at });
    draw(row.querySelector('.av'), author);
    find(row, '.at').textContent = moment(this.#words.locale, line.at, 'time');
    const name = /** @type {HTMLAnchorElement} */ (row.querySelector('a.n'));
    name.href = this.#how.person(author.id, line.id);
    find(name, 'bdi').textContent = author.name;
    if (isStaff(author.role)) {
      row.classList.add(author.role === 'moderator' ? 'mod' : 'host');
      const badge = find(row, '[data-badge]');
      badge.hidden = false; badge.textContent = roleName(this.#words, author.role);
      badge.classList.add(author.role === 'moderator' ? 'mod' : 'host');
    }
    find(row, '[data-guest]').hidden = author.role !== 'guest';
    find(row, '.x').textContent = line.text;
    row.toggleAttribute('data-link', LINK.test(line.text));
    this.#match(row);
    return this.#fill(row, line);
  }

  /** What changes later. @param {HTMLElement} row @param {Line} line */
  #fill(row, line) {
    const by = find(row, '[data-by]'), reported = find(row, '[data-reported]');
    row.classList.toggle('gone', line.hidden);
    by.hidden = !line.hidden && !line.note;
    find(by, 'span').textContent = line.hidden ? line.by : line.note;
    const back = row.querySelector('.back');
    if (back instanceof HTMLElement) back.hidden = !line.hidden;
    row.dataset.reports = String(line.reports);
    reported.hidden = !line.reports;
    reported.textContent = this.#words.tn('{n} report', '{n} reports', line.reports);
    return row;
  }

  /** @param {HTMLElement} row @param {import('./repeats.js').Group} group */
  #fillGroup(row, group) {
    const { tn } = this.#words;
    Object.assign(row.dataset, { group: group.key, id: `group ${group.key}` });
    find(row, '.at').textContent = moment(this.#words.locale, group.at, 'time');
    find(row, '[data-what]').textContent = tn('{n} equal message', '{n} equal messages', group.ids.length);
    find(row, '[data-who]').textContent = tn('from {n} person', 'from {n} people', group.people.size);
    find(row, '[data-text]').textContent = group.text;
    find(row, 'button').textContent = tn('Hide {n}', 'Hide all {n}', group.ids.length);
    return row;
  }

  /** @param {HTMLElement} row */
  #match(row) {
    const text = `${row.querySelector('.n')?.textContent ?? ''} ${row.querySelector('.x, [data-text]')?.textContent ?? ''}`.toLowerCase();
    row.toggleAttribute('data-miss', this.#looking !== '' && !text.includes(this.#looking));
  }

  /** @param {MouseEvent} event */
  #clicked(event) {
    const target = /** @type {Element} */ (event.target), row = /** @type {HTMLElement | null} */ (target.closest('li.row'));
    if (!row || event.ctrlKey || event.metaKey) return;
    const deed = /** @type {HTMLElement | null} */ (target.closest('[data-deed]'))?.dataset.deed;
    if (deed === 'hide-all') {
      const group = this.#repeats.of(row.dataset.group ?? '');
      if (group) { this.#how.hideAll(group.ids); this.#repeats.forget(group.key); row.remove(); }
      return;
    }
    const line = this.#lines.get(row.dataset.id ?? '');
    if (!line) return;
    event.preventDefault();
    if (deed && deed !== 'select') return this.#how.act(deed, line);
    if (getSelection()?.toString()) return;
    if (row === this.#selected && !deed) return;
    this.select(row);
  }

  /** @param {HTMLElement} chip */
  #show(chip) {
    this.#filter = chip.dataset.filter ?? '';
    for (const other of this.#how.root.querySelectorAll('[data-filter]')) if (other.classList.contains('chip')) other.setAttribute('aria-pressed', String(other === chip));
    this.rows.dataset.only = this.#filter;
  }

  /** @param {number} count */
  #waiting(count) {
    find(this.pill, 'span').textContent = count ? this.#words.tn('Paused · {n} new', 'Paused · {n} new', count) : this.#words.t('Paused');
    this.pill.hidden = !this.list.paused || (count === 0 && !this.list.holding);
    // The pill takes its place from the list.
    this.#selected?.scrollIntoView({ block: 'nearest' });
  }
}
