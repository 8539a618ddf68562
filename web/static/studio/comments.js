/** The comments as they come, for the host: pin one, make a question of one, hide one, say something. */
import { LiveList } from '../core/lists.js';
import { commentFrom, commentOf, fillRow, fillText, RowMenu, walkRows } from '../room/rows.js';

/**
 * @typedef {import('../core/i18n.js').Words} Words
 * @typedef {import('../core/connection.js').Item} Item
 * @typedef {import('../room/rows.js').Comment} Comment
 */

const DEEDS = { pin: 'comment.pin', mark: 'question.mark', hide: 'comment.hide' };
const MINUTE = 60_000;

/** The list, its row menu, the pinned line and the host's own field. */
export class Comments {
  /** When the comments of the last minute came, server time. @type {number[]} */ #arrivals = [];

  /**
   * @param {{root: HTMLElement, menu: HTMLDialogElement, words: Words, you: string, now: () => number,
   *   ask: (cmd: string, args?: Record<string, any>) => Promise<any>, refused: (error: unknown) => void, done: (text: string) => void}} how
   */
  constructor(how) {
    this.how = how;
    const { root, words, you } = how;
    this.rows = /** @type {HTMLElement} */ (root.querySelector('ol'));
    this.line = /** @type {HTMLElement} */ (root.querySelector('[data-pinned]'));
    const blank = /** @type {HTMLTemplateElement} */ (root.querySelector('template[data-row]'));
    /** @type {LiveList<Comment>} */
    this.list = new LiveList(this.rows, { row: (comment) => fillRow(/** @type {HTMLElement} */ (blank.content.firstElementChild?.cloneNode(true)), comment, words), perSecond: 15 });
    const scroller = /** @type {HTMLElement} */ (root.querySelector('.list'));
    this.list.follow(scroller);
    const menu = new RowMenu(how.menu, { may: () => true, act: (deed, comment) => this.#act(deed, comment) });
    how.menu.querySelector('[data-close]')?.addEventListener('click', () => how.menu.close());
    walkRows(scroller, (row) => menu.open(commentFrom(row, you)));
    root.querySelector('[data-unpin]')?.addEventListener('click', () => { how.ask('comment.unpin').catch(how.refused); });
    for (const row of this.rows.children) if (row instanceof HTMLElement) this.#arrivals.push(Number(row.dataset.at));
    this.#say(/** @type {HTMLFormElement} */ (root.querySelector('[data-say]')));
  }

  /** How many came within the last minute. */
  rate() {
    this.#arrivals = this.#arrivals.filter((at) => at > this.how.now() - MINUTE);
    return this.#arrivals.length;
  }

  /** @param {Item[]} items */
  take(items) {
    const fresh = [];
    for (const item of items) {
      const { body } = item;
      switch (body.event) {
        case 'comment.posted': case 'comment.restored':
          if (!this.#row(body.id)) fresh.push(commentOf(item, this.how.you));
          break;
        case 'comment.deleted': case 'comment.hidden': this.#remove((comment) => comment.id === body.id, 'id', body.id); break;
        case 'comments.purged': this.#remove((comment) => comment.author.id === body.person, 'author', body.person); break;
        case 'comment.edited': this.#edit(body.id, body.text); break;
        case 'comment.pinned': this.pin(body); break;
        case 'comment.unpinned': this.pin(null); break;
      }
    }
    this.#arrivals.push(...fresh.map((comment) => comment.at));
    this.list.push(fresh);
  }

  /** @param {{author: {name: string}, text: string} | null} pinned */
  pin(pinned) {
    const name = this.line.querySelector('b'), text = this.line.querySelector('bdi');
    this.line.hidden = !pinned;
    if (name) name.textContent = pinned?.author.name ?? '';
    if (text) text.textContent = pinned?.text ?? '';
  }

  /** @param {string} id */
  #row(id) { return /** @type {HTMLElement | null} */ (this.rows.querySelector(`[data-id="${CSS.escape(id)}"]`)); }

  /** @param {(comment: Comment) => boolean} match @param {string} name @param {string} value */
  #remove(match, name, value) { this.list.remove(match, this.rows.querySelectorAll(`[data-${name}="${CSS.escape(value)}"]`)); }

  /** @param {string} id @param {string} text */
  #edit(id, text) {
    const row = this.#row(id);
    if (row) fillText(row, { ...commentFrom(row, this.how.you), text, edited: true }, this.how.words);
    this.list.change((comment) => { if (comment.id === id) Object.assign(comment, { text, edited: true }); });
  }

  /** @param {string} deed @param {Comment} comment */
  #act(deed, comment) {
    const cmd = /** @type {Record<string, string>} */ (DEEDS)[deed], { t } = this.how.words;
    const said = { pin: t('Pinned above the comments.'), mark: t('It is among the questions now.'), hide: t('Hidden from everybody.') };
    if (cmd) this.how.ask(cmd, { id: comment.id }).then(() => this.how.done(/** @type {Record<string, string>} */ (said)[deed]), this.how.refused);
  }

  /** @param {HTMLFormElement} form */
  #say(form) {
    const field = /** @type {HTMLInputElement} */ (form.querySelector('[name=text]'));
    /** One id for each text, so that sending it again after a loss says it once. @type {{text: string, id: string} | null} */
    let last = null;
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const text = field.value.trim();
      if (!text) return;
      if (last?.text !== text) last = { text, id: crypto.randomUUID() };
      field.value = '';
      this.how.ask('comment.post', { text, client_message_id: last.id })
        .then(() => { last = null; }, (error) => { field.value ||= text; this.how.refused(error); });
    });
  }
}
