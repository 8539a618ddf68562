/** The log of the room, as it grows, and who of the staff is here. */
import { moment } from '../core/i18n.js';
import { clone, draw, find } from './feed.js';

/**
 * @typedef {import('../core/i18n.js').Words} Words
 * @typedef {import('../events').ActionLogged} Logged
 * @typedef {{words: Words, root: HTMLElement, labels: Record<string, Record<string, string>>, you: string, step: (seconds: number) => string, undo: (id: string) => void, now: () => number}} How
 */

const MOST = 60, HERE = 600_000;

export class Log {
  #how;
  /** @type {Map<string, {id: string, name: string, at: number}>} */ #team = new Map();
  #done; #undone;

  /** @param {How} how */
  constructor(how) {
    this.#how = how;
    this.rows = find(how.root, 'tbody');
    const numbers = ['[data-done]', '[data-undone]'].map((slot) => Number(document.querySelector(slot)?.textContent?.replace(/\D/g, '') || 0));
    [this.#done, this.#undone] = numbers;
    this.rows.addEventListener('click', (event) => {
      const button = /** @type {Element} */ (event.target).closest('[data-deed=undo]'), row = button?.closest('tr');
      if (!row?.dataset.id) return;
      event.preventDefault();
      how.undo(row.dataset.id);
    });
    const fold = how.root.querySelector('[data-fold]');
    fold?.addEventListener('click', () => {
      const open = fold.getAttribute('aria-expanded') !== 'true';
      fold.setAttribute('aria-expanded', String(open));
      how.root.classList.toggle('shut', !open);
      how.root.classList.toggle('open', open);
    });
  }

  /** @param {Logged} entry */
  add(entry) {
    const { words, labels, you, step } = this.#how;
    if (this.rows.querySelector(`[data-id="${CSS.escape(entry.id)}"]`)) return;
    const row = clone('log-row');
    row.dataset.id = entry.id;
    find(row, '[data-at]').textContent = moment(words.locale, entry.at, 'time');
    const actor = find(row, '[data-actor]'), avatar = document.createElement('span'), name = document.createElement('bdi');
    avatar.className = 'av xs'; avatar.setAttribute('aria-hidden', 'true');
    draw(avatar, entry.by); name.textContent = entry.by.name;
    actor.replaceChildren(avatar, name);
    const details = /** @type {any} */ (entry.details);
    let action = labels.action[entry.action] ?? entry.action;
    if (entry.action === 'mute' && details.seconds) action += ` ${step(details.seconds)}`;
    if (entry.action === 'undo') action += `: ${labels.action[details.undone] ?? ''}`;
    find(row, '[data-action]').textContent = action;
    find(row, '[data-object]').textContent = entry.person_name ?? entry.text ?? '';
    find(row, '[data-reason]').textContent = entry.reason || (entry.person_name ? entry.text ?? '' : '');
    if (entry.action !== 'undo') {
      const undo = document.createElement('button');
      Object.assign(undo, { type: 'button', className: 'lk', textContent: words.t('Undo') });
      undo.dataset.deed = 'undo';
      row.lastElementChild?.append(undo);
    }
    this.rows.prepend(row);
    while (this.rows.childElementCount > MOST) this.rows.lastElementChild?.remove();
    if (entry.undoes) this.undone(entry.undoes, entry.by.name);
    if (entry.by.id === you) this.#count(entry.action !== 'undo');
    this.#met(entry.by, entry.at);
  }

  /** @param {string} id @param {string} by */
  undone(id, by) {
    const cell = this.rows.querySelector(`[data-id="${CSS.escape(id)}"]`)?.lastElementChild;
    const said = document.createElement('span');
    said.className = 'sm';
    said.textContent = this.#how.words.t('undone by {name}', { name: by });
    cell?.replaceChildren(said);
  }

  /** @param {boolean} done */
  #count(done) {
    if (done) this.#done++;
    else this.#undone++;
    const { number } = this.#how.words;
    for (const [slot, n] of /** @type {[string, number][]} */ ([['[data-done]', this.#done], ['[data-undone]', this.#undone]])) {
      const place = document.querySelector(slot);
      if (place) place.textContent = number(n);
    }
  }

  /** @param {{id: string, name: string}} person @param {number} at */
  #met(person, at) {
    this.#team.set(person.id, { ...person, at });
    const here = [...this.#team.values()].filter((one) => this.#how.now() - one.at < HERE);
    const team = document.querySelector('[data-team]');
    if (!(team instanceof HTMLElement)) return;
    team.hidden = here.length < 2;
    find(team, '.avs').replaceChildren(...here.slice(0, 5).map((one) => {
      const avatar = document.createElement('span');
      avatar.className = 'av';
      draw(avatar, one);
      return avatar;
    }));
    find(team, '.sm').textContent = this.#how.words.tn('{n} at work', '{n} at work', here.length);
  }
}
