/** The comments of a room: a fast list that can be stopped, read back, and trusted to say what it leaves out. */
import { LiveList } from '../core/lists.js';
import { commentFrom, commentOf, fillRow, fillText, isStaff, walkRows } from './rows.js';

/**
 * @typedef {import('../core/i18n.js').Words} Words
 * @typedef {import('../core/connection.js').Item} Item
 * @typedef {import('./rows.js').Comment} Comment
 * @typedef {import('./outbox.js').Draft} Draft
 * @typedef {Comment & {answer?: {author: {id: string, name: string}, text?: string}, votes?: number, row?: HTMLElement, reactions?: {kind: string, count: number, own: boolean}[]}} Shown
 * @typedef {{words: Words, room: string, me: () => string | undefined, open: (comment: Comment) => void, retry: (cmid: string) => void, drop: (cmid: string) => void, say: (text: string) => void, speak: () => string, allComments: () => void}} How
 */

const PAGE = 50, SEEN = 1000, FAST_FOR = 10_000;

/** `<comment-list>`: a scroller with an `<ol>`, a pill, a notice and a pinned line that the server rendered. */
export class CommentList extends HTMLElement {
  /** @type {Map<string, Shown>} */ #known = new Map();
  /** @type {any} */ #fastTimer = null;
  #reading = false;
  #news = 0;

  how = /** @type {How} */ (/** @type {unknown} */ (null));
  words = /** @type {Words} */ (/** @type {unknown} */ (null));

  constructor() {
    super();
    this.scroller = /** @type {HTMLElement} */ (this.querySelector('[data-part=scroller]'));
    this.rows = /** @type {HTMLElement} */ (this.querySelector('ol'));
    this.pill = /** @type {HTMLElement} */ (this.querySelector('[data-part=jump]'));
    this.fast = /** @type {HTMLElement} */ (this.querySelector('[data-part=fast]'));
    this.list = new LiveList(this.rows, {
      row: (/** @type {Shown} */ comment) => this.makeRow(comment),
      keep: (comment) => Boolean(comment.mine || comment.answer || comment.marker || isStaff(comment.author.role)),
      onWaiting: (count) => this.#pill(count),
      onSkipped: () => this.leftOut(),
      onDrawn: () => this.drawn(),
    });
  }

  /** @param {How} how */
  begin(how) {
    this.how = how; this.words = how.words;
    this.list.follow(this.scroller);
    for (const row of this.rows.children) if (row instanceof HTMLElement && row.dataset.id) this.#know(commentFrom(row, how.me()));
    this.pill.addEventListener('click', () => this.toNewest());
    this.scroller.addEventListener('keydown', (event) => {
      if (event.key !== 'End' && event.key !== 'Escape') return;
      event.preventDefault();
      this.scroller.focus();
      this.toNewest();
    });
    this.rows.addEventListener('click', (event) => this.#own(event));
    // A row that is chosen must not move away under the finger.
    this.rows.addEventListener('focusin', () => this.list.pause());
    walkRows(this.scroller, (row) => { const comment = this.#known.get(row.dataset.id ?? ''); if (comment && comment.id) how.open(comment); });
    this.fast.querySelector('button')?.addEventListener('click', () => { this.list.perSecond = 100; this.list.cap = 300; this.fast.hidden = true; how.allComments(); });
    this.#watchTop();
  }

  /** @param {Item[]} items */
  add(items) {
    /** @type {Shown[]} */ const fresh = [];
    for (const item of items) {
      const shown = this.#change(item);
      if (shown) fresh.push(shown);
    }
    if (fresh.length) this.list.push(fresh);
    if (fresh.length) this.#announce(fresh);
  }

  /** Show an own comment at once, and what becomes of it. @param {Draft} draft @param {{id: string, name: string, role: string}} author */
  own(draft, author) {
    const known = this.#known.get(draft.cmid) ?? this.#known.get(draft.id ?? '');
    if (known) {
      Object.assign(known, { state: draft.state, id: draft.id ?? known.id, epoch: draft.epoch ?? known.epoch, offset: draft.offset ?? known.offset });
      if (draft.id) { this.#known.delete(draft.cmid); this.#know(known); }
      const row = this.rowOf(draft.cmid);
      if (row) fillRow(row, known, this.words);
      return;
    }
    if (draft.state === 'sent') return;
    const { cmid, text, question, replyTo, at, state } = draft;
    /** @type {Shown} */
    const comment = { id: '', cmid, epoch: 0, offset: 0, at, author, text, question, replyTo, mine: true, state };
    this.#known.set(cmid, comment);
    this.toNewest();
    this.list.push([comment]);
  }

  /** @param {string} key id or client_message_id @returns {HTMLElement | null} */
  rowOf(key) { return this.rows.querySelector(`[data-id="${CSS.escape(key)}"], [data-cmid="${CSS.escape(key)}"]`); }

  /** @param {string} id */
  find(id) { return this.#known.get(id); }

  /** @param {string} id @param {string} text */
  edited(id, text) {
    const comment = this.#known.get(id), row = this.rowOf(id);
    if (comment) Object.assign(comment, { text, edited: true });
    if (comment && row) fillText(row, comment, this.words);
  }

  /** @param {(comment: Shown) => boolean} match */
  takeOut(match) {
    const focused = document.activeElement;
    /** @type {Element[]} */ const rows = [];
    for (const [key, comment] of this.#known) {
      if (!match(comment)) continue;
      const row = this.rowOf(key);
      if (row) rows.push(row);
      this.#known.delete(key);
    }
    this.list.remove(match, rows);
    this.drawn();
    if (rows.some((row) => row.contains(focused)) || (focused && !focused.isConnected)) this.scroller.focus();
  }

  /** After rows came or went; a list with more than rows puts it in order here. */
  drawn() {}

  toNewest() {
    this.scroller.scrollTop = 0;
    this.list.resume();
  }

  /** Some comments of a fast room were not shown. */
  leftOut() {
    if (this.list.perSecond <= 25) this.fast.hidden = false;
    clearTimeout(this.#fastTimer);
    this.#fastTimer = setTimeout(() => { this.fast.hidden = true; }, FAST_FOR);
  }

  /** What lies between could not be had from the stream: read it from what was saved, or say that it is missing. */
  async gap() {
    const last = [...this.#known.values()].filter((comment) => comment.offset).sort(byPlace).at(-1);
    const after = this.rows.lastElementChild;
    const page = await this.#page('limit=100').catch(() => null);
    const missed = page?.comments.filter((comment) => !this.#known.has(comment.id)) ?? [];
    for (const comment of missed) {
      this.#know(comment);
      if (!this.#putBack(comment)) this.list.push([comment]);
    }
    if (page && (!page.before || !last || byPlace(page.comments[0] ?? last, last) <= 0)) return;
    const row = this.makeRow({ id: '', epoch: 0, offset: 0, at: 0, author: { id: '', name: '', role: '' }, text: '', marker: this.words.t('Some comments are missing here') });
    if (after) after.after(row);
    else this.rows.prepend(row);
    this.drawn();
  }

  /** @param {{id: string, author: {name: string}, text: string} | null} pinned */
  pin(pinned) {
    const note = this.querySelector('[data-part=pinned]');
    if (!(note instanceof HTMLElement)) return;
    note.hidden = !pinned;
    note.dataset.id = pinned?.id ?? '';
    if (pinned && note instanceof HTMLAnchorElement) note.href = `?at=${pinned.id}#m-${pinned.id}`;
    const [name, text] = [note.querySelector('b'), note.querySelector('p bdi')];
    if (name) name.textContent = pinned?.author.name ?? '';
    if (text) text.textContent = pinned?.text ?? '';
  }

  /** @param {Item} item @returns {Shown | null} what is new to the list */
  #change(item) {
    const { body } = item;
    switch (body.event) {
      case 'comment.posted': case 'comment.restored': return this.#posted(item);
      case 'comment.edited': this.edited(body.id, body.text); break;
      case 'comment.deleted': case 'comment.hidden': this.takeOut((comment) => comment.id === body.id); this.#unpin(body.id); break;
      case 'comments.purged': this.takeOut((comment) => comment.author.id === body.person); break;
      case 'comment.pinned': this.pin(/** @type {any} */ (body)); break;
      case 'comment.unpinned': this.pin(null); break;
      case 'question.answered': if (body.answer?.text) return { ...this.#answered(item) }; break;
    }
    return null;
  }

  /** @param {Item} item @returns {Shown | null} */
  #posted(item) {
    const comment = commentOf(item, this.how.me());
    if (this.#known.has(comment.id)) return null;
    const pending = comment.mine && comment.cmid ? this.#known.get(comment.cmid) : undefined;
    if (pending) {
      this.own({ ...pending, ...comment, state: 'sent', tries: 0, cmid: comment.cmid ?? '', question: Boolean(comment.question), replyTo: comment.replyTo ?? null }, comment.author);
      return null;
    }
    this.#know(comment);
    if (item.body.event !== 'comment.restored') return comment;
    return this.#putBack(comment) ? null : comment;
  }

  /** Put a restored comment at its place among the drawn ones. @param {Shown} comment */
  #putBack(comment) {
    for (const row of this.rows.children) {
      if (!(row instanceof HTMLElement) || !row.dataset.offset) continue;
      const epoch = Number(row.dataset.epoch), offset = Number(row.dataset.offset);
      if (epoch < comment.epoch || (epoch === comment.epoch && offset < comment.offset)) continue;
      row.before(this.makeRow(comment));
      this.drawn();
      return true;
    }
    return false;
  }

  /** @param {Item} item @returns {Shown} */
  #answered({ epoch, offset, at, body }) {
    return { id: '', epoch, offset, at, author: { id: '', name: '', role: '' }, text: body.text ?? '', votes: body.votes ?? 0, answer: body.answer };
  }

  /** @param {Shown} comment */
  #know(comment) {
    this.#known.set(comment.id || comment.cmid || '', comment);
    // Rows beyond the cap are gone; what is known of them may go too.
    if (this.#known.size > SEEN) for (const key of this.#known.keys()) { this.#known.delete(key); break; }
  }

  /** @param {Shown} comment @returns {HTMLElement} */
  makeRow(comment) {
    if (comment.row) return comment.row;
    if (comment.marker) { const row = clone('gap-row'); row.textContent = comment.marker; return row; }
    if (comment.answer) return this.#answerRow(comment);
    return fillRow(clone('comment-row'), comment, this.words);
  }

  /** @param {Shown} comment */
  #answerRow(comment) {
    const row = clone('answer-row'), slots = row.querySelectorAll('bdi'), [name, votes] = [row.querySelector('.aa b'), row.querySelector('.vt span')];
    slots[0].textContent = comment.text; slots[1].textContent = comment.answer?.text ?? '';
    if (name) name.textContent = comment.answer?.author.name ?? '';
    if (comment.votes && votes) votes.textContent = this.words.number(comment.votes);
    else row.querySelector('.vt')?.remove();
    return row;
  }

  /** @param {Event} event retry or delete on a failed row */
  #own(event) {
    const button = event.target instanceof Element ? event.target.closest('[data-own]') : null;
    const cmid = button?.closest('li')?.dataset.cmid;
    if (!(button instanceof HTMLElement) || !cmid) return;
    event.stopPropagation();
    if (button.dataset.own === 'retry') return this.how.retry(cmid);
    this.how.drop(cmid);
    this.takeOut((comment) => comment.cmid === cmid);
  }

  /** @param {number} count */
  #pill(count) {
    const slot = this.pill.querySelector('span');
    if (slot) slot.textContent = this.words.tn('{n} new', '{n} new', count);
    this.pill.hidden = count === 0;
  }

  /** @param {string} id */
  #unpin(id) {
    const note = this.querySelector('[data-part=pinned]');
    if (note instanceof HTMLElement && note.dataset.id === id) this.pin(null);
  }

  /** @param {Shown[]} fresh */
  #announce(fresh) {
    const how = this.how, choice = how.speak(), me = how.me();
    if (choice === 'off') return;
    this.#news += fresh.length;
    const said = fresh.filter((comment) => !comment.mine && comment.author.id && (choice === 'all' || isStaff(comment.author.role) || (me && this.#known.get(comment.replyTo?.id ?? '')?.mine))).at(-1);
    if (!said) return;
    const line = `${said.author.name}: ${said.text}`;
    const count = this.words.tn('{n} new comment', '{n} new comments', this.#news);
    how.say(this.#news > 1 ? `${count}. ${line}` : line);
    this.#news = 0;
  }

  /** Read older comments when the reader comes near the top. */
  #watchTop() {
    const older = this.querySelector('[data-part=older]');
    if (!older) return;
    older.addEventListener('click', (event) => { event.preventDefault(); void this.#readOlder(); });
    new IntersectionObserver((seen) => { if (seen.some((entry) => entry.isIntersecting) && this.list.paused) void this.#readOlder(); }, { root: this.scroller }).observe(older);
  }

  async #readOlder() {
    const older = this.querySelector('[data-part=older]'), first = /** @type {HTMLElement | null} */ (this.rows.querySelector('li[data-offset]:not([data-offset="0"])'));
    if (this.#reading || !(older instanceof HTMLElement) || !first) return;
    this.#reading = true;
    older.setAttribute('aria-busy', 'true');
    try {
      const { epoch, offset } = first.dataset;
      const page = await this.#page(`before=${epoch}-${offset}&limit=${PAGE}`);
      const items = page.comments.filter((comment) => !this.#known.has(comment.id));
      this.list.older(items);
      this.drawn();
      for (const item of items) this.#know(item);
      older.hidden = !page.before;
    } catch {
      // The button stays: another scroll or a press tries again.
    }
    older.removeAttribute('aria-busy');
    this.#reading = false;
  }

  /** Read comments that were saved, the oldest first. @param {string} query @returns {Promise<{comments: Shown[], before: string | null}>} */
  async #page(query) {
    const answer = await fetch(`/v1/rooms/${this.how.room}/messages?${query}`, { credentials: 'same-origin' });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = await answer.json(), me = this.how.me();
    const comments = page.messages.filter((/** @type {any} */ message) => message.text !== null)
      .map((/** @type {any} */ message) => ({ ...message, cmid: message.client_message_id, replyTo: message.reply_to ?? null, mine: message.author.id === me, question: Boolean(message.question) }));
    return { comments, before: page.before };
  }
}

/** @param {Shown} a @param {Shown} b */
function byPlace(a, b) { return a.epoch - b.epoch || a.offset - b.offset; }

/** @param {string} id of a <template> with one row @returns {HTMLElement} */
function clone(id) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  return /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
}
