/** The card of a person: what is known, what holds, and what may be done. */
import { moment } from '../core/i18n.js';
import { isStaff, roleName } from '../room/rows.js';
import { draw, find } from './feed.js';

/**
 * @typedef {import('../core/i18n.js').Words} Words
 * @typedef {{id: string, name: string, role: string, joined: number | null, language: string, counts: Record<string, number>,
 *   holding: {id: string, kind: string, room: string | null, until: number | null, reason: string, by: string}[],
 *   history: {id: string, at: number, action: string, by: string, reason: string, text: string | null, undone: boolean, details: any}[],
 *   notes: {id: string, text: string, by: string, at: number}[], messages: {id: string, text: string, state: string, at: number, title: string}[]}} Known
 * @typedef {{words: Words, root: HTMLElement, labels: Record<string, Record<string, string>>, rank: number, you: string, step: (seconds: number) => string,
 *   load: (person: string) => Promise<Known>, act: (deed: string, person: {id: string, name: string}, extra: any) => void, closed: () => void}} How
 */

const RANKS = /** @type {Record<string, number>} */ ({ guest: 10, member: 20, moderator: 40, host: 50, owner: 60 });

export class Card {
  /** @type {{id: string, name: string, role: string} | null} */ person = null;
  /** The message with which it was opened. */
  message = '';
  #how;

  /** @param {How} how */
  constructor(how) {
    this.#how = how;
    const { root } = how;
    find(root, '[data-close]').addEventListener('click', () => { this.close(); how.closed(); });
    root.addEventListener('keydown', (event) => { if (event.key === 'Escape') { event.stopPropagation(); this.close(); how.closed(); } });
    root.addEventListener('click', (event) => {
      const button = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest('[data-seconds], [data-deed]'));
      if (!button || !this.person) return;
      const seconds = button.dataset.seconds;
      how.act(seconds ? 'timeout' : button.dataset.deed ?? '', this.person, { seconds: seconds ? Number(seconds) : null, reason: this.reason, message: this.message, id: button.dataset.id });
    });
    find(root, '[data-note]').addEventListener('submit', (event) => {
      event.preventDefault();
      const field = /** @type {HTMLInputElement} */ (find(root, '#note')), text = field.value.trim();
      if (!text || !this.person) return;
      field.value = '';
      how.act('note', this.person, { text });
    });
  }

  /** What the moderator wrote as the reason. */
  get reason() { return /** @type {HTMLInputElement} */ (find(this.#how.root, '#why')).value.trim(); }

  /** @param {{id: string, name: string, role?: string}} person @param {string} message */
  open(person, message) {
    const { root } = this.#how, same = this.person?.id === person.id;
    this.person = { id: person.id, name: person.name, role: person.role ?? (person.id.startsWith('g') ? 'guest' : 'member') };
    this.message = message;
    root.hidden = false;
    document.body.dataset.person = 'open';
    if (same) return;
    /** @type {HTMLInputElement} */ (find(root, '#why')).value = '';
    draw(find(root, '[data-av]'), person);
    find(root, '[data-name]').textContent = person.name;
    find(root, '[data-since]').textContent = '';
    find(root, '[data-badges]').replaceChildren();
    for (const part of ['holding', 'history', 'recent']) find(root, `[data-${part}]`).hidden = true;
    find(root, '[data-list]').replaceChildren();
    for (const slot of root.querySelectorAll('[data-count]')) slot.textContent = '–';
    this.#may();
    void this.reload();
  }

  close() {
    this.person = null;
    this.#how.root.hidden = true;
    delete document.body.dataset.person;
  }

  focusNote() { find(this.#how.root, '#note').focus(); }

  /** Read again, when something about the person has changed. */
  async reload() {
    const person = this.person;
    if (!person) return;
    try {
      const known = await this.#how.load(person.id);
      if (this.person?.id === person.id) this.#fill(known);
    } catch {
      // The card stays with what the message told; another opening tries again.
    }
  }

  #may() {
    const acts = find(this.#how.root, '[data-acts]'), rank = RANKS[this.person?.role ?? ''] ?? 20;
    acts.hidden = rank >= this.#how.rank || this.person?.id === this.#how.you;
  }

  /** @param {Known} known */
  #fill(known) {
    const { root, words, labels } = this.#how, { t, tn, locale } = words;
    this.person = { id: known.id, name: known.name || this.person?.name || '', role: known.role };
    find(root, '[data-name]').textContent = this.person.name;
    draw(find(root, '[data-av]'), this.person);
    find(root, '[data-since]').textContent = known.joined ? t('Joined {time}', { time: moment(locale, known.joined, 'ago') }) : '';
    const role = isStaff(known.role) ? roleName(words, known.role) : known.role === 'guest' ? t('Guest') : t('Member');
    const badges = [badge(role, '')];
    if (known.counts.reports) badges.push(badge(tn('{n} report', '{n} reports', known.counts.reports), 'dang'));
    for (const one of known.holding) badges.push(badge(labels.action[one.kind] ?? one.kind, 'warn'));
    find(root, '[data-badges]').replaceChildren(...badges);
    for (const slot of root.querySelectorAll('[data-count]')) slot.textContent = words.number(known.counts[/** @type {HTMLElement} */ (slot).dataset.count ?? ''] ?? 0);
    this.#may();
    this.#list('holding', known.holding, (one) => {
      const lift = document.createElement('button');
      Object.assign(lift, { type: 'button', className: 'lk', textContent: t('Lift') });
      Object.assign(lift.dataset, { deed: `un${one.kind}`, id: one.id });
      return [badge(labels.action[one.kind] ?? one.kind, 'warn'), text('span', one.until === null ? t('for good') : t('until {time}', { time: moment(locale, one.until, 'time') })), lift];
    });
    this.#list('history', known.history, (one) => {
      const name = one.action === 'mute' && one.details.seconds ? `${labels.action.mute} ${this.#how.step(one.details.seconds)}` : labels.action[one.action] ?? one.action;
      return [badge(name, one.action === 'mute' || one.action === 'ban' ? 'warn' : ''), text('bdi', one.reason || one.text || '', 'clip'), text('span', `${moment(locale, one.at, 'ago')} · ${one.by || t('Automatic')}`, 'sm')];
    }, (one) => one.undone);
    this.#list('recent', known.messages, (one) => [text('span', moment(locale, one.at, 'time'), 'sm num'), text('bdi', one.text, 'clip'), ...(one.state === 'visible' ? [] : [badge(one.state === 'hidden' ? t('Hidden') : one.state === 'held' ? t('Held') : t('Rejected'), '')])], (one) => one.state !== 'visible');
    find(root, '[data-list]').replaceChildren(...known.notes.map((one) => {
      const note = document.createElement('p');
      note.className = 'memo';
      note.append(text('bdi', one.text), text('span', `${one.by} · ${moment(locale, one.at, 'ago')}`, 'sm'));
      return note;
    }));
  }

  /** @template T @param {string} part @param {T[]} items @param {(item: T) => Element[]} make @param {(item: T) => boolean} [struck] */
  #list(part, items, make, struck = () => false) {
    const block = find(this.#how.root, `[data-${part}]`);
    block.hidden = items.length === 0;
    find(block, 'ul').replaceChildren(...items.slice(0, 8).map((item) => {
      const row = document.createElement('li');
      row.classList.toggle('h', struck(item));
      row.append(...make(item));
      return row;
    }));
  }
}

/** @param {string} said @param {string} kind */
function badge(said, kind) { return text('span', said, `bd flat ${kind}`); }

/** @param {string} tag @param {string} said @param {string} [kind] */
function text(tag, said, kind = '') {
  const element = document.createElement(tag);
  element.className = kind;
  element.textContent = said;
  if (tag === 'bdi') element.dir = 'auto';
  return element;
}
