/** Two lists: one for a firehose that nobody reads row by row, one that is kept in step with an array. */

/**
 * A capped, batched list for fast feeds.
 *
 * Rules, each measured: one DOM write per flush, never per item; at most `cap`
 * rows; at most `perSecond` ordinary rows, while `keep` rows always show; no
 * work while hidden; paused while the reader has scrolled away.
 * The scroller must be `display:flex; flex-direction:column-reverse`, so the
 * newest row stays in view without reading or writing scrollTop.
 *
 * @template T
 */
export class LiveList {
  /** @type {T[]} */ #pending = [];
  #armed = false;
  #last = -Infinity;
  #waiting = 0;
  paused = false;
  /** Ordinary rows dropped so far because they came faster than anyone reads. */
  skipped = 0;

  /**
   * @param {HTMLElement} list rows go here
   * @param {{row: (item: T) => Element, keep?: (item: T) => boolean,
   *   cap?: number, perSecond?: number, every?: number,
   *   onWaiting?: (count: number) => void, onSkipped?: () => void, onDrawn?: () => void,
   *   frame?: (run: (now: number) => void) => void}} options
   */
  constructor(list, { row, keep = () => false, cap = 120, perSecond = 25, every = 200, onWaiting = () => {}, onSkipped = () => {}, onDrawn = () => {}, frame = (run) => requestAnimationFrame(run) }) {
    this.list = list; this.row = row; this.keep = keep; this.cap = cap;
    this.perSecond = perSecond; this.every = every; this.frame = frame;
    this.onWaiting = onWaiting; this.onSkipped = onSkipped; this.onDrawn = onDrawn;
  }

  /** @param {T[]} items oldest first */
  push(items) {
    this.#pending.push(...items);
    if (this.#pending.length > 2 * this.cap) this.#pending = this.#thin(this.#pending, this.cap);
    if (this.paused) this.onWaiting(this.#waiting += items.length);
    else this.#arm();
  }

  pause() { this.paused = true; }

  resume() {
    this.paused = false;
    this.onWaiting(this.#waiting = 0);
    this.#arm();
  }

  /** Take out what is drawn and what still waits. @param {(item: T) => boolean} match @param {Iterable<Element>} rows */
  remove(match, rows) {
    this.#pending = this.#pending.filter((item) => !match(item));
    for (const row of rows) row.remove();
  }

  /** Change what still waits. @param {(item: T) => void} change */
  change(change) { this.#pending.forEach(change); }

  /** Put older rows before all others; they stay until the reader returns to the newest. @param {T[]} items oldest first */
  older(items) {
    const rows = document.createDocumentFragment();
    for (const item of items) rows.append(this.row(item));
    this.list.prepend(rows);
  }

  /**
   * Pause while `scroller` is away from its newest row.
   * @param {HTMLElement} scroller
   */
  follow(scroller) {
    scroller.addEventListener('scroll', () => {
      const away = Math.abs(scroller.scrollTop) > 40;
      if (away && !this.paused) this.pause();
      else if (!away && this.paused) this.resume();
    }, { passive: true });
  }

  #arm() {
    if (this.#armed) return;
    this.#armed = true;
    this.frame((now) => this.#flush(now));
  }

  /** @param {number} now */
  #flush(now) {
    this.#armed = false;
    if (this.paused) return;
    if (now - this.#last < this.every) return this.#pending.length ? this.#arm() : undefined;
    // Quiet time is saved up, so that what was missed while away is shown whole.
    const items = this.#thin(this.#pending, Math.min(this.cap, Math.ceil(this.perSecond * (now - this.#last) / 1000)));
    this.#last = now;
    this.#pending = [];
    const rows = document.createDocumentFragment();
    for (const item of items) rows.append(this.row(item));
    for (let over = this.list.childElementCount + items.length - this.cap; over > 0; over--) this.list.firstElementChild?.remove();
    if (!items.length) return;
    this.list.append(rows);
    this.onDrawn();
  }

  /**
   * Keep every `keep` item and the newest others, in order, at most `max` of the others.
   * @param {T[]} items @param {number} max
   */
  #thin(items, max) {
    let room = max;
    const before = this.skipped, kept = [];
    for (let i = items.length - 1; i >= 0; i--) {
      const item = items[i];
      if (this.keep(item) || room-- > 0) kept.push(item);
      else this.skipped++;
    }
    if (this.skipped > before) this.onSkipped();
    return kept.reverse().slice(-this.cap);
  }
}

/**
 * Bring the rows of `list` in step with `items`: move, insert, remove; the focus stays where it is.
 * @template T
 * @param {HTMLElement} list
 * @param {T[]} items
 * @param {{key: (item: T) => string, make: (item: T) => HTMLElement, fill: (row: HTMLElement, item: T) => void}} how
 */
export function keepInStep(list, items, { key, make, fill }) {
  /** @type {Map<string, HTMLElement>} */ const known = new Map();
  for (const row of list.children) if (row instanceof HTMLElement) known.set(row.dataset.id ?? '', row);
  const focused = document.activeElement;
  /** @type {Element | null} */ let next = list.firstElementChild;
  for (const item of items) {
    const id = key(item), row = known.get(id) ?? make(item);
    known.delete(id);
    row.dataset.id = id;
    fill(row, item);
    if (row === next) next = row.nextElementSibling;
    else list.insertBefore(row, next);
  }
  const lost = [...known.values()].some((row) => row.contains(focused));
  for (const row of known.values()) row.remove();
  if (lost) list.focus();
  else if (focused instanceof HTMLElement && focused !== document.activeElement && list.contains(focused)) focused.focus();
}
