/** The questions as the host works through them: votes, on the screen now, answered, dismissed. */
import { moment } from '../core/i18n.js';
import { keepInStep } from '../core/lists.js';
import { hue, initials } from '../room/rows.js';

/**
 * @typedef {import('../core/i18n.js').Words} Words
 * @typedef {{id: string, author: {id: string, name: string}, text: string, votes: number, state: string,
 *   asked_at: number, shown: boolean, answer: {text?: string, second?: number} | null}} Question
 */

const DEEDS = { live: 'question.answer', answer: 'question.answer', dismiss: 'question.dismiss', show: 'question.show' };

/** Keeps the cards in step with what arrives, and sends what the host decides. */
export class Questions {
  /** @type {Map<string, Question>} */ #all = new Map();
  #armed = false;
  #asking = false;
  #stale = false;

  /**
   * @param {{list: HTMLElement, card: HTMLTemplateElement, empty: HTMLElement, words: Words, sort: string,
   *   questions: Question[], live: () => boolean,
   *   ask: (cmd: string, args: Record<string, any>) => Promise<any>, fetchAll: (sort: string) => Promise<{questions: Question[], counts: {open: number, answered: number}}>,
   *   counts: (open: number, answered: number) => void}} how
   */
  constructor(how) {
    this.how = how; this.sort = how.sort;
    for (const question of how.questions) this.#all.set(question.id, question);
    how.list.addEventListener('submit', (event) => this.#submitted(event));
  }

  /** Show them in another order, as the server has them now. @param {string} sort */
  async sortBy(sort) {
    const { questions, counts } = await this.how.fetchAll(sort);
    this.sort = sort;
    this.#all = new Map(questions.map((question) => [question.id, question]));
    this.how.counts(counts.open, counts.answered);
    this.#draw();
  }

  /** Ask again how many there are, soon, and not more often than every two seconds. */
  #recount() {
    this.#stale = true;
    if (this.#asking) return;
    this.#asking = true;
    setTimeout(async () => {
      this.#stale = false;
      await this.sortBy(this.sort).catch(() => {});
      setTimeout(() => { this.#asking = false; if (this.#stale) this.#recount(); }, 1500);
    }, 500);
  }

  /** @param {import('../core/connection.js').Body} body */
  change(body) {
    const known = this.#all.get(body.id);
    switch (body.event) {
      case 'question.asked':
        if (this.sort !== 'answered') this.#all.set(body.id, /** @type {any} */ (body));
        this.#recount();
        break;
      case 'question.voted': if (known) known.votes = body.votes; break;
      case 'question.answered':
        if (this.sort === 'answered' || known) this.#all.set(body.id, /** @type {any} */ (body));
        this.#recount();
        break;
      case 'question.shown': for (const question of this.#all.values()) question.shown = question.id === body.id; break;
      case 'comment.edited': if (known) known.text = body.text; break;
      case 'question.withdrawn': case 'comment.deleted': case 'comment.hidden':
        if (this.#all.delete(body.id)) this.#recount();
        break;
      case 'comments.purged': case 'comments.unpurged': this.#recount(); break;
      default: return;
    }
    if (this.#armed) return;
    this.#armed = true;
    setTimeout(() => { this.#armed = false; this.#draw(); }, 150);
  }

  #draw() {
    const wanted = [...this.#all.values()].filter((question) => (question.state === 'answered') === (this.sort === 'answered'));
    wanted.sort((a, b) => Number(b.shown) - Number(a.shown) || (this.sort === 'popular' ? b.votes - a.votes || a.asked_at - b.asked_at : b.asked_at - a.asked_at));
    keepInStep(this.how.list, wanted, {
      key: (question) => question.id,
      make: () => /** @type {HTMLElement} */ (this.how.card.content.firstElementChild?.cloneNode(true)),
      fill: (card, question) => this.#fill(card, question),
    });
    this.how.empty.hidden = wanted.length > 0;
  }

  /** @param {HTMLElement} card @param {Question} question */
  #fill(card, question) {
    const { words } = this.how;
    /** @param {string} selector @param {string} text */
    const put = (selector, text) => { const slot = card.querySelector(selector); if (slot && slot.textContent !== text) slot.textContent = text; };
    /** @param {string} selector @param {boolean} hidden */
    const hide = (selector, hidden) => { const slot = card.querySelector(selector); if (slot instanceof HTMLElement) slot.hidden = hidden; };
    put('[data-votes]', words.number(question.votes));
    put('[data-text]', question.text);
    put('[data-who] bdi', question.author.name);
    put('[data-at]', moment(words.locale, question.asked_at, 'ago'));
    put('[data-given] bdi', question.answer ? question.answer.text || words.t('Answered live') : '');
    hide('[data-given]', !question.answer);
    hide('[data-now]', !question.shown);
    card.classList.toggle('now', question.shown);
    card.classList.toggle('done', Boolean(question.answer));
    const avatar = card.querySelector('.av');
    if (avatar) { avatar.className = `av xs h${hue(question.author.id)}`; avatar.textContent = initials(question.author.name); }
    const show = card.querySelector('[data-deed=show] button'), live = card.querySelector('[data-deed=live] button');
    put('[data-write]', question.answer ? words.t('Better answer') : words.t('Write'));
    show?.setAttribute('aria-pressed', String(question.shown));
    put('[data-deed=show] [data-label]', question.shown ? words.t('Take off the screen') : words.t('Show to everybody'));
    if (live instanceof HTMLButtonElement) live.disabled = !this.how.live();
  }

  /** @param {SubmitEvent} event */
  #submitted(event) {
    const form = /** @type {HTMLFormElement} */ (event.target), deed = form.dataset.deed ?? '';
    const id = form.closest('li')?.dataset.id, question = id ? this.#all.get(id) : undefined;
    const cmd = /** @type {Record<string, string>} */ (DEEDS)[deed];
    if (!cmd || !id || !question) return;
    event.preventDefault();
    const field = form.querySelector('textarea');
    /** @type {Record<string, any>} */
    const args = { id: deed === 'show' && question.shown ? null : id };
    if (deed === 'live') args.live = true;
    if (deed === 'answer') args.text = field?.value.trim();
    const buttons = form.querySelectorAll('button');
    for (const button of buttons) button.disabled = true;
    this.how.ask(cmd, args)
      .then(() => { form.closest('details')?.removeAttribute('open'); if (field) field.value = field.defaultValue = args.text; }, () => {})
      .finally(() => { for (const button of buttons) button.disabled = false; });
  }
}
