/** One comment as a row, and the menu of what the reader may do with it. */
import { moment } from '../core/i18n.js';

/**
 * @typedef {import('../core/i18n.js').Words} Words
 * @typedef {{id: string, name: string, role: string}} Author
 * @typedef {{id: string, epoch: number, offset: number, at: number, author: Author, text: string,
 *   cmid?: string, replyTo?: {id: string, name: string, text?: string | null} | null, question?: boolean,
 *   edited?: boolean, mine?: boolean, state?: import('./outbox.js').Sending, marker?: string}} Comment
 * @typedef {'reply' | 'edit' | 'delete' | 'report' | 'copy' | 'link' | 'react'} Deed
 */

/** How long an author may edit and delete, ms. */
export const EDIT_WITHIN = 300_000;
const HUES = 12;
const STAFF = new Set(['owner', 'host', 'moderator']);

/** A stable colour step for a person; web/pages/people.py counts the same. @param {string} person */
export function hue(person) {
  let total = 0;
  for (const letter of person) total = (Math.imul(total, 31) + (letter.codePointAt(0) ?? 0)) >>> 0;
  return total % HUES;
}

/** The letter of an avatar; two consonants in Thai. @param {string} name */
export function initials(name) {
  const letters = [...name];
  if (/^[\u0e00-\u0e7f]/.test(name)) {
    const consonants = letters.filter((letter) => letter >= '\u0e01' && letter <= '\u0e2e');
    if (consonants.length) return consonants.slice(0, 2).join('');
  }
  return letters[0] ?? '';
}

/** @param {string} role */
export function isStaff(role) { return STAFF.has(role); }

/** @param {Words} words @param {string} role */
export function roleName(words, role) {
  if (role === 'owner') return words.tc('role', 'Owner');
  if (role === 'host') return words.tc('role', 'Host');
  return role === 'moderator' ? words.tc('role', 'Moderator') : '';
}

/** Turn a posted body into a comment. @param {import('../core/connection.js').Item} item @param {string | undefined} me @returns {Comment} */
export function commentOf({ epoch, offset, at, body }, me) {
  return {
    id: body.id, epoch, offset, at, author: body.author, text: body.text, cmid: body.client_message_id,
    replyTo: body.reply_to ?? null, question: Boolean(body.question), mine: body.author.id === me,
  };
}

/** Read back what the server rendered. @param {HTMLElement} row @param {string | undefined} me @returns {Comment} */
export function commentFrom(row, me) {
  const { id = '', epoch, offset, at, author = '', role = '', reply } = row.dataset;
  return {
    id, epoch: Number(epoch), offset: Number(offset), at: Number(at), mine: author === me,
    author: { id: author, role, name: row.querySelector('.n')?.textContent ?? '' },
    text: row.querySelector('.x')?.textContent ?? '', replyTo: reply ? { id: reply, name: '' } : null,
  };
}

/** @param {Element} row @param {string} selector @returns {HTMLElement | null} */
const part = (row, selector) => row.querySelector(selector);

/**
 * Fill a row cloned from the page's template. Slots: .av .n .bd .to .x .st
 * @param {HTMLElement} row @param {Comment} comment @param {Words} words
 */
export function fillRow(row, comment, words) {
  const { id, cmid, epoch, offset, at, author } = comment;
  Object.assign(row.dataset, { id: id || cmid, cmid: cmid ?? '', epoch, offset, at, author: author.id, role: author.role });
  const avatar = part(row, '.av'), name = part(row, '.n'), badge = part(row, '.bd'), to = part(row, '.to');
  if (avatar) { avatar.className = `${avatar.className.replace(/ ?\bh\d+\b/, '')} h${hue(author.id)}`; avatar.textContent = initials(author.name); }
  if (name) name.textContent = author.name;
  if (badge && isStaff(author.role)) {
    badge.hidden = false; badge.textContent = roleName(words, author.role);
    badge.classList.add(author.role === 'moderator' ? 'mod' : 'host');
    row.classList.add(author.role === 'moderator' ? 'mod' : 'host');
  } else badge?.remove();
  if (to && comment.replyTo) fillReply(row, to, comment.replyTo);
  else to?.remove();
  if (!comment.question) part(row, '.tag')?.remove();
  for (const slot of row.querySelectorAll('.at, .ct-t')) slot.textContent = moment(words.locale, at, 'time');
  row.classList.toggle('mine', Boolean(comment.mine));
  fillText(row, comment, words);
  return row;
}

/** @param {HTMLElement} row @param {HTMLElement} to @param {{id: string, name: string, text?: string | null}} replyTo */
function fillReply(row, to, replyTo) {
  const slot = to.querySelector('bdi') ?? to;
  slot.textContent = replyTo.name;
  const quote = to.querySelector('.q');
  if (quote) quote.textContent = replyTo.text ?? '';
  to.hidden = false;
  row.dataset.reply = replyTo.id;
}

/** What can change later: text, edited, own state. @param {HTMLElement} row @param {Comment} comment @param {Words} words */
export function fillText(row, comment, words) {
  const text = part(row, '.x'), state = part(row, '.st');
  if (text) text.textContent = comment.text;
  row.classList.toggle('sending', comment.state === 'sending' || comment.state === 'queued');
  row.classList.toggle('failed', comment.state === 'failed');
  const said = stateName(comment, words), slot = state ?? document.createElement('span');
  slot.className = 'st';
  slot.textContent = said;
  slot.hidden = !said;
  if (!state && said) text?.after(' ', slot);
}

/** @param {Comment} comment @param {Words} words */
function stateName(comment, words) {
  if (comment.state === 'queued') return words.t('Sent when you are back');
  if (comment.state === 'failed') return words.t('Not sent');
  if (comment.state === 'held') return words.t('Waiting for review, only you see it');
  return comment.edited ? words.t('edited') : '';
}

/** The menu of one row, in a dialog that the server rendered. */
export class RowMenu {
  /** @type {Comment | null} */ #comment = null;

  /**
   * @param {HTMLDialogElement} dialog with buttons [data-deed] and a [data-quote]
   * @param {{may: (deed: Deed, comment: Comment) => boolean, act: (deed: Deed, comment: Comment, extra?: string) => void}} how
   */
  constructor(dialog, { may, act }) {
    this.dialog = dialog; this.may = may;
    dialog.addEventListener('click', (event) => {
      const button = event.target instanceof Element ? event.target.closest('[data-deed]') : null;
      if (!(button instanceof HTMLElement) || !this.#comment) return;
      const comment = this.#comment;
      dialog.close();
      act(/** @type {Deed} */ (button.dataset.deed), comment, button.getAttribute('value') ?? undefined);
    });
  }

  /** @param {Comment} comment */
  open(comment) {
    this.#comment = comment;
    const quote = this.dialog.querySelector('[data-quote]');
    if (quote) quote.textContent = comment.text;
    const name = this.dialog.querySelector('[data-name]');
    if (name) name.textContent = comment.author.name;
    for (const button of this.dialog.querySelectorAll('[data-deed]')) {
      const item = button.closest('li') ?? button;
      if (item instanceof HTMLElement && button instanceof HTMLElement) item.hidden = !this.may(/** @type {Deed} */ (button.dataset.deed), comment);
    }
    this.dialog.showModal();
  }
}

/**
 * Open rows by pointer and by keys: a tap or its button opens the menu, arrows walk, Enter opens.
 * @param {HTMLElement} list @param {(row: HTMLElement) => void} open
 */
export function walkRows(list, open) {
  /** @param {EventTarget | null} target @returns {HTMLElement | null} */
  const rowOf = (target) => (target instanceof Element ? target.closest('li[data-id]') : null);
  list.addEventListener('click', (event) => {
    const row = rowOf(event.target);
    if (!row || getSelection()?.toString()) return;
    const target = /** @type {Element} */ (event.target);
    if (target.closest('.more') || (matchMedia('(pointer: coarse)').matches && !target.closest('a, button'))) open(row);
  });
  list.addEventListener('keydown', (event) => {
    const row = rowOf(document.activeElement);
    if (event.key === 'Enter' && row === document.activeElement && row) { event.preventDefault(); return open(row); }
    if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return;
    const rows = [...list.querySelectorAll('li[data-id]')];
    const next = row ? rows[rows.indexOf(row) + (event.key === 'ArrowUp' ? -1 : 1)] : rows.at(-1);
    if (!(next instanceof HTMLElement)) return;
    event.preventDefault();
    next.tabIndex = -1;
    next.focus();
  });
}
