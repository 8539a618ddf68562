/** The questions of a live room: asked, voted up, shown on the stage, answered. */
import { keepInStep } from '../core/lists.js';

/**
 * @typedef {import('../core/i18n.js').Words} Words
 * @typedef {{author: {id: string, name: string}, text?: string | null, second?: number}} Answer
 * @typedef {{id: string, author: {id: string, name: string}, text: string, votes: number, voted: boolean, at: number, answer: Answer | null}} Question
 */

/** `<question-list>`: rows and their template come from the server. */
export class QuestionList extends HTMLElement {
  /** @type {Map<string, Question>} */ #questions = new Map();
  /** @type {string | null} */ #shown = null;
  #armed = false;
  words = /** @type {Words} */ (/** @type {unknown} */ (null));

  /** @param {{words: Words, vote: (id: string, on: boolean) => Promise<any>, refused: (error: any) => void}} how */
  begin({ words, vote, refused }) {
    this.words = words; this.vote = vote; this.refused = refused;
    this.rows = /** @type {HTMLElement} */ (this.querySelector('ul'));
    for (const row of this.rows.children) if (row instanceof HTMLElement) this.#read(row);
    this.rows.addEventListener('click', (event) => {
      const button = event.target instanceof Element ? event.target.closest('.vote') : null;
      const id = button?.closest('li')?.dataset.id;
      if (id) void this.#voted(id);
    });
    this.#draw();
  }

  /** @param {import('../core/connection.js').Body} body @param {number} at */
  change(body, at) {
    const known = this.#questions.get(body.id);
    switch (body.event) {
      case 'question.asked': case 'question.answered':
        this.#questions.set(body.id, { id: body.id, author: body.author, text: body.text, votes: body.votes, voted: known?.voted ?? false, at: body.asked_at ?? at, answer: body.answer });
        if (body.shown) this.#shown = body.id;
        break;
      case 'question.voted': if (known) known.votes = body.votes; break;
      case 'comment.edited': if (known) known.text = body.text; break;
      case 'question.withdrawn': case 'comment.deleted': case 'comment.hidden': this.#questions.delete(body.id); break;
      case 'comments.purged': for (const [id, question] of this.#questions) if (question.author.id === body.person) this.#questions.delete(id); break;
      case 'question.shown': this.#shown = body.id; break;
      default: return;
    }
    this.#later();
  }

  /** @param {string} id */
  has(id) { return this.#questions.has(id); }

  /** The question on the stage now. */
  get shown() { return this.#shown ? this.#questions.get(this.#shown) ?? null : null; }

  #later() {
    if (this.#armed) return;
    this.#armed = true;
    setTimeout(() => { this.#armed = false; this.#draw(); }, 150);
  }

  #draw() {
    const all = [...this.#questions.values()].sort((a, b) =>
      Number(b.id === this.#shown) - Number(a.id === this.#shown) || Number(Boolean(a.answer)) - Number(Boolean(b.answer)) || b.votes - a.votes || a.at - b.at);
    if (this.rows) keepInStep(this.rows, all, { key: (question) => question.id, make: () => this.#make(), fill: (row, question) => this.#fill(row, question) });
    const open = all.filter((question) => !question.answer).length;
    for (const slot of document.querySelectorAll('[data-questions]')) {
      slot.textContent = this.words.number(open);
      if (slot instanceof HTMLElement) slot.hidden = open === 0;
    }
    const empty = this.querySelector('.empty');
    if (empty instanceof HTMLElement) empty.hidden = all.length > 0;
    this.dispatchEvent(new CustomEvent('drawn'));
  }

  #make() {
    const template = /** @type {HTMLTemplateElement} */ (this.querySelector('template'));
    return /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
  }

  /** @param {HTMLElement} row @param {Question} question */
  #fill(row, question) {
    const { words } = this, { t } = words;
    /** @param {string} selector @param {string} text */
    const put = (selector, text) => { const slot = row.querySelector(selector); if (slot && slot.textContent !== text) slot.textContent = text; };
    put('.qt bdi', question.text);
    put('.qw bdi', question.author.name);
    put('.vote span', words.number(question.votes));
    const vote = row.querySelector('.vote'), answer = row.querySelector('.aa'), onstage = row.querySelector('[data-onstage]');
    vote?.setAttribute('aria-pressed', String(question.voted));
    vote?.setAttribute('aria-label', `${t('I want to know this too')} ${words.number(question.votes)}: ${question.text}`);
    row.classList.toggle('answered', Boolean(question.answer));
    row.classList.toggle('onstage', question.id === this.#shown);
    if (onstage instanceof HTMLElement) onstage.hidden = question.id !== this.#shown;
    if (!(answer instanceof HTMLElement)) return;
    answer.hidden = !question.answer;
    put('.aa b', question.answer?.author.name ?? '');
    put('.aa bdi', question.answer ? question.answer.text || t('Answered live') : '');
  }

  /** @param {HTMLElement} row */
  #read(row) {
    const { id = '', votes, voted, at, author = '', shown } = row.dataset;
    const text = row.querySelector('.qt bdi')?.textContent ?? '', name = row.querySelector('.qw bdi')?.textContent ?? '';
    const answer = row.querySelector('.aa:not([hidden])');
    this.#questions.set(id, {
      id, text, author: { id: author, name }, votes: Number(votes), voted: voted === 'true', at: Number(at),
      answer: answer ? { author: { id: '', name: answer.querySelector('b')?.textContent ?? '' }, text: answer.querySelector('bdi')?.textContent } : null,
    });
    if (shown === 'true') this.#shown = id;
  }

  /** @param {string} id */
  async #voted(id) {
    const question = this.#questions.get(id);
    if (!question || !this.vote) return;
    const on = !question.voted;
    question.voted = on; question.votes += on ? 1 : -1;
    this.#draw();
    try {
      const reply = await this.vote(id, on);
      if (typeof reply?.votes === 'number') question.votes = reply.votes;
    } catch (error) {
      question.voted = !on; question.votes -= on ? 1 : -1;
      this.refused?.(error);
    }
    this.#draw();
  }
}
