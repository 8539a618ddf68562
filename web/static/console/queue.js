/** What waits for a moderator: held messages with what decided it, and reported ones. */
import { moment } from '../core/i18n.js';
import { keepInStep } from '../core/lists.js';
import { clone, draw, find } from './feed.js';

/**
 * @typedef {import('../events').HeldItem} Held
 * @typedef {{id: string, room: string, author: {id: string, name: string}, text: string, count: number, reasons: string[], notes: string[], at: number}} Report
 * @typedef {import('../core/i18n.js').Words} Words
 * @typedef {{words: Words, root: HTMLElement, you: string, held: Held[], reports: Report[], labels: Record<string, Record<string, string>>,
 *   person: (id: string, message: string) => string, now: () => number, changed: (held: number, reports: number) => void,
 *   act: (deed: string, id: string) => void, open: (person: {id: string, name: string}, message: string) => void}} How
 */

/** How long somebody who looks at an item is named, ms. */
const CLAIM = 60_000;

export class Queue {
  /** @type {Map<string, Held>} */ #held = new Map();
  /** @type {Map<string, Report>} */ #reports = new Map();
  #how; #words;
  #current = '';

  /** @param {How} how */
  constructor(how) {
    this.#how = how; this.#words = how.words;
    this.heldList = find(how.root, '[data-held]'); this.reportList = find(how.root, '[data-reports]');
    this.replace(how.held, how.reports);
    how.root.addEventListener('click', (event) => this.#clicked(event));
    this.heldList.addEventListener('focusin', (event) => {
      const item = /** @type {Element} */ (event.target).closest('li');
      if (item instanceof HTMLElement && item.dataset.id) this.choose(item.dataset.id);
    });
  }

  /** Take everything anew. @param {Held[]} held @param {Report[]} reports */
  replace(held, reports) {
    this.#held = new Map(held.map((item) => [item.id, item]));
    this.#reports = new Map(reports.map((item) => [item.id, item]));
    this.#draw();
  }

  /** @param {Held} item */
  add(item) { this.#held.set(item.id, item); this.#draw(); }

  /** @param {string} id @returns {Held | undefined} what was taken out, to put it back */
  remove(id) {
    const item = this.#held.get(id);
    this.#held.delete(id);
    if (this.#current === id) this.#current = '';
    this.#draw();
    return item;
  }

  /** @param {string} id @param {{id: string, name: string} | null} by */
  claimed(id, by) {
    const item = this.#held.get(id);
    if (!item) return;
    item.claimed = by;
    item.claimed_at = this.#how.now();
    this.#draw();
  }

  /** @param {string} id */
  held(id) { return this.#held.get(id); }

  /** The item that A and X decide: the chosen one, else the oldest that nobody looks at. */
  get current() {
    const chosen = this.#held.get(this.#current);
    if (chosen) return chosen;
    return [...this.#held.values()].find((item) => !this.#other(item));
  }

  /** @param {string} id */
  choose(id) {
    if (this.#current === id) return;
    this.#current = id;
    this.#draw();
    this.#how.act('claim', id);
  }

  /** @param {{id: string, room: string, author: {id: string, name: string}, text: string, reason: string, count: number, at: number}} report */
  reported({ reason, ...report }) {
    const known = this.#reports.get(report.id);
    const reasons = [...new Set([...(known?.reasons ?? []), reason])];
    this.#reports.delete(report.id);
    this.#reports = new Map([[report.id, { ...report, reasons, notes: known?.notes ?? [] }], ...this.#reports]);
    this.#draw();
  }

  /** @param {string} id @returns {Report | undefined} */
  settle(id) {
    const report = this.#reports.get(id);
    this.#reports.delete(id);
    this.#draw();
    return report;
  }

  /** @param {Report} report */
  putBack(report) { this.#reports = new Map([[report.id, report], ...this.#reports]); this.#draw(); }

  /** Write how long everything has waited. */
  tick() { this.#draw(); }

  /** @param {Held} item */
  #other(item) {
    return Boolean(item.claimed && item.claimed.id !== this.#how.you && this.#how.now() - (item.claimed_at ?? 0) < CLAIM);
  }

  #draw() {
    keepInStep(this.heldList, [...this.#held.values()], { key: (item) => item.id, make: () => clone('held-item'), fill: (row, item) => this.#fill(row, item) });
    keepInStep(this.reportList, [...this.#reports.values()], { key: (item) => item.id, make: () => clone('report-item'), fill: (row, item) => this.#fillReport(row, item) });
    const { root } = this.#how;
    find(root, '[data-held-none]').hidden = this.#held.size > 0;
    find(root, '[data-reports-head]').hidden = this.#reports.size === 0;
    this.#how.changed(this.#held.size, this.#reports.size);
  }

  /** @param {HTMLElement} row @param {Held} item */
  #fill(row, item) {
    const { labels, now } = this.#how, { t } = this.#words;
    put(find(row, '[data-why]'), (labels.rule[item.rule] ?? item.rule) + (item.word ? ` “${item.word}”` : ''));
    put(find(row, '[data-age]'), age(now() - item.at));
    find(row, '[data-edit]').hidden = item.kind !== 'edit';
    const text = find(row, '[data-text]');
    if (text.textContent !== item.text || !text.querySelector('mark')) text.replaceChildren(...marked(item.text, item.spans));
    this.#who(row, item.author, '');
    const other = this.#other(item), claim = find(row, '[data-claim]');
    row.classList.toggle('claimed', other);
    row.classList.toggle('cur', !other && this.current?.id === item.id);
    claim.hidden = !other;
    find(row, '.dec').hidden = other;
    if (other && item.claimed) {
      draw(claim.querySelector('.av'), item.claimed);
      put(find(claim, '[data-looks]'), t('{name} is looking, {time}', { name: item.claimed.name, time: age(now() - (item.claimed_at ?? 0)) }));
    }
    for (const key of row.querySelectorAll('kbd')) key.hidden = !row.classList.contains('cur');
  }

  /** @param {HTMLElement} row @param {Report} item */
  #fillReport(row, item) {
    const { labels } = this.#how;
    put(find(row, '[data-why]'), [this.#words.tn('{n} report', '{n} reports', item.count), ...item.reasons.map((reason) => labels.reason[reason] ?? reason)].join(' · '));
    put(find(row, '[data-age]'), moment(this.#words.locale, item.at, 'ago'));
    put(find(row, '[data-text]'), item.text);
    this.#who(row, item.author, item.id);
  }

  /** @param {HTMLElement} row @param {{id: string, name: string}} author @param {string} message */
  #who(row, author, message) {
    draw(row.querySelector('.who .av'), author);
    const name = /** @type {HTMLAnchorElement} */ (find(row, '[data-name]'));
    put(find(name, 'bdi'), author.name);
    name.href = this.#how.person(author.id, message);
  }

  /** @param {Event} event */
  #clicked(event) {
    const target = /** @type {Element} */ (event.target), row = target.closest('li');
    const id = row instanceof HTMLElement ? row.dataset.id : undefined;
    if (!id || !(row instanceof HTMLElement)) return;
    const deed = /** @type {HTMLElement | null} */ (target.closest('[data-deed]'))?.dataset.deed;
    if (deed) { event.preventDefault(); this.#how.act(row.classList.contains('rep') ? `report-${deed}` : deed, id); return; }
    const author = (this.#held.get(id) ?? this.#reports.get(id))?.author;
    if (target.closest('[data-name]') && author) { event.preventDefault(); this.#how.open(author, id); }
  }
}

/** Cut a text at the spans that decided it; spans count code points. @param {string} text @param {number[][]} spans @returns {(string | HTMLElement)[]} */
export function marked(text, spans) {
  const letters = [...text];
  /** @type {(string | HTMLElement)[]} */ const parts = [];
  let at = 0;
  for (const [start, end] of spans) {
    parts.push(letters.slice(at, start).join(''));
    const mark = document.createElement('mark');
    mark.className = 'hit';
    mark.textContent = letters.slice(start, end).join('');
    parts.push(mark);
    at = end;
  }
  return [...parts, letters.slice(at).join('')];
}

/** Minutes and seconds, like 0:48. @param {number} ms */
export function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** @param {Element} slot @param {string} text */
function put(slot, text) { if (slot.textContent !== text) slot.textContent = text; }
