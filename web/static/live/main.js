/** The live room: its questions, and what joins them with the picture, the comments and the composer. */
import { wordsOf } from '../core/i18n.js';
import { keepInStep } from '../core/lists.js';
import { CommentList } from '../room/comments.js';
import { Composer } from '../room/composer.js';
import { find, RoomPage } from '../room/room.js';
import { Refused } from '../core/connection.js';
import { Stage } from './stage.js';

/**
 * @typedef {import('../core/i18n.js').Words} Words
 * @typedef {{author: {id: string, name: string}, text?: string | null, second?: number}} Answer
 * @typedef {{id: string, author: {id: string, name: string}, text: string, votes: number, voted: boolean, at: number, answer: Answer | null}} Question
 */

/** `<question-list>`: rows and their template come from the server. */
class QuestionList extends HTMLElement {
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

customElements.define('live-stage', Stage);
customElements.define('comment-list', CommentList);
customElements.define('question-list', QuestionList);
customElements.define('room-composer', Composer);

const page = JSON.parse(document.getElementById('page')?.textContent ?? '{}');
const words = wordsOf(document), { t } = words;
const stage = find('live-stage', Stage), comments = find('comment-list', CommentList);
const questions = find('question-list', QuestionList), sheet = find('#questions-sheet', HTMLDialogElement);
const ABOUT_QUESTIONS = /^question\.|^comments?\.(edited|deleted|hidden|purged)$/;

const room = new RoomPage({
  words, page, comments, feed: 'sampled', ended: page.broadcast?.state === 'ended', idle: !page.broadcast,
  onBody: (body, at) => { if (ABOUT_QUESTIONS.test(body.event)) questions.change(body, at); },
  onChange: (body) => change(body),
  onNow: (body) => {
    if (body.event === 'viewers.counted') stage.watching(body.count);
    else if (body.event === 'reactions.counted') stage.reacted(body.counts?.heart ?? 0, body.total);
    else if (body.event.startsWith('question.')) questions.change(body, room.connection.now());
  },
  onJoined: (now) => {
    if ('pinned' in now) comments.pin(now.pinned);
    if (now.broadcast) showing(now.broadcast);
  },
});
stage.begin({ words, now: () => room.connection.now(), broadcast: page.broadcast, heart: (count) => { room.ask('reaction.add', { kind: 'heart', count }).catch(() => {}); } });
questions.begin({
  words, refused: (error) => room.refused(error),
  vote: (id, on) => {
    if (room.me) return room.ask(on ? 'question.vote' : 'question.unvote', { id });
    room.takeName();
    return Promise.reject(new Refused({ code: 'unauthenticated' }));
  },
});
room.begin();

questions.addEventListener('drawn', () => {
  const line = find('[data-part=onstage]', HTMLElement), shown = questions.shown, slot = line.querySelector('bdi');
  line.hidden = !shown;
  if (slot) slot.textContent = shown?.text ?? '';
});

/** @param {import('../core/connection.js').Body} body */
function change(body) {
  if (body.event === 'broadcast.started' || body.event === 'broadcast.changed') showing(body.broadcast);
  else if (body.event === 'broadcast.ended') ended(body.id);
}

/** @param {any} broadcast */
function showing(broadcast) {
  const known = page.broadcast;
  const same = known && broadcast.state === known.state && broadcast.id === known.id && broadcast.video.url === known.video.url && broadcast.video.upright === known.video.upright;
  // Another source needs another page: its address stands in the page's own policy.
  if (!same) return location.reload();
  page.broadcast = broadcast;
  stage.show(broadcast);
}

/** @param {string} id */
function ended(id) {
  if (page.broadcast?.id !== id || page.broadcast.state === 'ended') return;
  page.broadcast = { ...page.broadcast, state: 'ended' };
  stage.show(page.broadcast);
  room.composer.setRules({ ended: true });
  room.say(t('The broadcast has ended.'), { urgent: true });
}

/* Tabs beside the picture, a sheet over it. */

const tabs = /** @type {HTMLElement[]} */ ([...document.querySelectorAll('.tabs [role=tab]')]);
/** @param {HTMLElement} tab */
function choose(tab) {
  for (const other of tabs) {
    const on = other === tab, panel = document.getElementById(other.getAttribute('aria-controls') ?? '');
    other.setAttribute('aria-selected', String(on));
    other.tabIndex = on ? 0 : -1;
    if (panel) panel.hidden = !on;
  }
  room.composer.ask(tab.id === 'tab-questions');
}
for (const tab of tabs) {
  tab.addEventListener('click', () => choose(tab));
  tab.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -tabs.indexOf(tab), End: tabs.length - 1 - tabs.indexOf(tab) }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const turned = document.dir === 'rtl' && event.key.startsWith('Arrow') ? -step : step;
    const next = tabs[(tabs.indexOf(tab) + turned + tabs.length) % tabs.length];
    next.focus();
    choose(next);
  });
}
export { comments, isOver, page, room, words };
const phone = matchMedia('(max-width: 599px), (max-width: 899px) and (min-height: 500px)');
const isOver = () => phone.matches && document.body.classList.contains('tall');
function place() {
  (isOver() ? sheet.querySelector('[data-part=place]') : document.getElementById('panel-questions'))?.append(questions);
  if (!isOver() && sheet.open) sheet.close();
  if (isOver() && tabs[0]) choose(tabs[0]);
}
phone.addEventListener('change', place);
place();
document.querySelector('[data-part=open-questions]')?.addEventListener('click', () => sheet.showModal());
sheet.querySelector('[data-part=ask-here]')?.addEventListener('click', () => { sheet.close(); room.composer.ask(true); room.composer.field.focus(); });
if (page.asking) room.composer.ask(true);
if (location.hash === '#questions') {
  if (isOver()) sheet.showModal();
  else if (tabs[1]) choose(tabs[1]);
}
