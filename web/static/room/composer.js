/** The field at the bottom of a room: writes, waits, explains why it must wait, never loses a draft. */

/**
 * @typedef {import('../core/i18n.js').Words} Words
 * @typedef {import('../core/connection.js').Refused} Refused
 * @typedef {{text: string, question: boolean, replyTo: {id: string, name: string} | null, editing: string | null}} Written
 * @typedef {{rank: number, min_rank: number, mode: string, cooldown_ms: number, closed: boolean, guests: boolean, ended: boolean, idle: boolean}} Rules
 */

const LIMIT = 500, GUEST = 10, MEMBER = 20, MODERATOR = 40;

/** `<room-composer>`: a form the server rendered, with [data-part] slots. */
export class Composer extends HTMLElement {
  /** @type {{id: string, name: string} | null} */ #replyTo = null;
  /** @type {string | null} */ #editing = null;
  /** @type {any} */ #timer = null;
  #asking = false;
  #slowUntil = 0;
  #said = '';
  /** @type {{until: number | null, reason: string} | null} */ #muted = null;
  /** @type {Rules} */ #rules = { rank: 0, min_rank: 0, mode: 'everyone', cooldown_ms: 0, closed: false, guests: true, ended: false, idle: false };
  /** @type {(written: Written) => void} */ #send = () => {};
  /** @type {() => void} */ #needName = () => {};
  words = /** @type {Words} */ (/** @type {unknown} */ (null));
  room = '';
  now = Date.now;

  /**
   * @param {{words: Words, room: string, now: () => number, send: (written: Written) => void,
   *   needName: () => void, onTyping?: () => void}} how
   */
  begin({ words, room, now, send, needName, onTyping = () => {} }) {
    this.words = words; this.room = room; this.now = now;
    this.#send = send; this.#needName = needName;
    this.form.addEventListener('submit', (event) => { event.preventDefault(); this.#submit(); });
    this.field.addEventListener('input', () => { this.#keepDraft(); this.#grow(); onTyping(); });
    this.field.addEventListener('keydown', (event) => {
      if (event.isComposing) return;
      if (event.key === 'Enter' && !event.shiftKey) { event.preventDefault(); this.#submit(); }
      if (event.key === 'Escape' && (this.#replyTo || this.#editing)) { event.stopPropagation(); this.cancel(); }
    });
    this.piece('cancel')?.addEventListener('click', () => this.cancel());
    this.piece('ask')?.addEventListener('click', () => { this.ask(!this.#asking); this.field.focus(); });
    this.piece('emoji')?.addEventListener('click', (event) => {
      const picked = event.target instanceof Element ? event.target.closest('button')?.value : '';
      if (picked) this.#insert(picked);
    });
    this.field.value = this.field.value || this.#draft();
    this.#said = this.piece('status')?.textContent?.trim() ?? '';
    // What a search did not find comes along as a question.
    const wanted = new URLSearchParams(location.search).get('ask');
    if (wanted) { this.field.value = wanted.slice(0, 200); this.#asking = true; this.field.focus(); }
    this.#show();
  }

  get form() { return /** @type {HTMLFormElement} */ (this.querySelector('form')); }
  /** @returns {HTMLInputElement} or a textarea, which has all of it that is used here */
  get field() { return /** @type {HTMLInputElement} */ (this.querySelector('[name=text]')); }
  /** @param {string} name @returns {HTMLElement | null} */
  piece(name) { return this.querySelector(`[data-part=${name}]`); }

  /** @param {Partial<Rules>} rules what applies from now on */
  setRules(rules) {
    Object.assign(this.#rules, rules);
    if (!this.#rules.cooldown_ms) this.#slowUntil = 0;
    this.#show();
  }

  /** @param {{until: number | null, reason: string} | null} muted */
  setMuted(muted) { this.#muted = muted; this.#show(); }

  /** @param {boolean} asking whether the next line is a question */
  ask(asking) { this.#asking = asking; this.#show(); }

  /** @param {{id: string, name: string}} to */
  reply(to) { this.#editing = null; this.#replyTo = to; this.#show(); this.field.focus(); }

  /** @param {string} id @param {string} text */
  edit(id, text) {
    this.#replyTo = null; this.#editing = id; this.field.value = text;
    this.#grow(); this.#show(); this.field.focus();
  }

  cancel() {
    if (this.#editing) this.field.value = this.#draft();
    this.#replyTo = null; this.#editing = null;
    this.#grow(); this.#show(); this.field.focus();
  }

  /** Put refused words back and say why. @param {string} text @param {Refused} refused */
  giveBack(text, refused) {
    if (!this.field.value) this.field.value = text;
    this.#keepDraft(); this.#grow();
    this.refuse(refused);
  }

  /** @param {Refused} refused */
  refuse(refused) {
    const { code, retryAfter, details } = refused;
    if (code === 'muted' || code === 'banned') this.#muted = { until: details.until ?? null, reason: details.reason ?? '' };
    if (retryAfter) this.#slowUntil = this.now() + retryAfter;
    if (code === 'unauthenticated') this.#needName();
    this.#said = refusalText(this.words, refused);
    this.#show();
  }

  /** The room's pace begins with each own comment. */
  sent() {
    if (this.#rules.cooldown_ms && this.#rules.rank < MODERATOR) this.#slowUntil = this.now() + this.#rules.cooldown_ms;
    this.#show();
  }

  #submit() {
    const text = this.field.value.trim();
    if (!text || this.#blocked()) return this.field.focus();
    if ([...text].length > LIMIT) { this.#said = this.words.tn('At most {n} character fits.', 'At most {n} characters fit.', LIMIT); return this.#show(); }
    if (this.#rules.rank < GUEST) return this.#needName();
    if (this.#slowUntil > this.now() && !this.#editing) return;
    this.#said = '';
    this.#send({ text, question: this.#asking && !this.#editing, replyTo: this.#replyTo, editing: this.#editing });
    this.field.value = '';
    this.#replyTo = null; this.#editing = null; this.#asking = false;
    this.#keepDraft(); this.#grow(); this.#show();
  }

  #isMuted() { return this.#muted !== null && (this.#muted.until === null || this.#muted.until > this.now()); }

  /** Why nothing can be written now, or an empty text. */
  #blocked() {
    const { t } = this.words, { rank, min_rank, closed, ended, idle, mode } = this.#rules;
    if (this.#isMuted()) return this.#muted?.until ? t('You can write again at {time}.', { time: clock(this.words.locale, this.#muted.until) }) : t('You cannot write here any more.');
    if (closed) return t('This room is closed. What was said can still be read.');
    if (ended && rank < MODERATOR) return t('The broadcast has ended. What was said can still be read.');
    if (idle && rank < MODERATOR) return t('Comments open with the next broadcast.');
    if (rank < min_rank && mode === 'staff') return t('Only the team may write at the moment.');
    if (rank >= GUEST && rank < min_rank) return t('Only members may write at the moment.');
    return '';
  }

  #show() {
    clearTimeout(this.#timer);
    const { t, tn } = this.words, blocked = this.#blocked(), wait = Math.ceil((this.#slowUntil - this.now()) / 1000);
    const { rank, min_rank, guests, closed, ended, idle } = this.#rules;
    const join = rank < GUEST && !closed && !ended && !idle && (min_rank >= MEMBER || !guests);
    let line = blocked || this.#said;
    if (!blocked && wait > 0) line = tn('Slow mode: you can send in {n} second', 'Slow mode: you can send in {n} seconds', wait);
    else if (!line && this.#rules.cooldown_ms && rank < MODERATOR) line = tn('Slow mode: one comment every {n} second', 'Slow mode: one comment every {n} seconds', this.#rules.cooldown_ms / 1000);
    this.#line('status', line);
    this.classList.toggle('blocked', Boolean(blocked));
    this.classList.toggle('muted', this.#isMuted());
    const reason = this.#isMuted() ? this.#muted?.reason ?? '' : '';
    this.#line('reason', reason ? t('Reason: {reason}', { reason }) : '');
    const rules = this.piece('rules'); if (rules) rules.hidden = !this.#isMuted();
    this.#line('context', this.#editing ? t('Editing your comment') : this.#replyTo ? t('Replying to {name}', { name: this.#replyTo.name }) : '');
    const cancel = this.piece('cancel'); if (cancel) cancel.hidden = !this.#editing && !this.#replyTo;
    this.piece('ask')?.setAttribute('aria-pressed', String(this.#asking));
    this.classList.toggle('asking', this.#asking);
    this.field.placeholder = (this.#asking ? this.field.dataset.ask : this.field.dataset.say) ?? '';
    const send = this.querySelector('.send'); if (send) send.ariaDisabled = String(Boolean(blocked) || wait > 0);
    const sign = this.piece('join'); if (sign) sign.hidden = !join;
    const field = this.piece('field'); if (field) field.hidden = join;
    const until = this.#muted?.until ?? 0;
    if (wait > 0) this.#timer = setTimeout(() => { if (wait === 1) this.#said = ''; this.#show(); }, 1000);
    else if (until > this.now()) this.#timer = setTimeout(() => this.#show(), Math.min(until - this.now() + 50, 60_000));
  }

  /** @param {string} name @param {string} text */
  #line(name, text) {
    const line = this.piece(name);
    if (!line) return;
    const slot = line.querySelector('span') ?? line;
    if (slot.textContent !== text) slot.textContent = text;
    line.hidden = !text;
  }

  /** @param {string} text */
  #insert(text) {
    const { field } = this, start = field.selectionStart ?? field.value.length;
    field.setRangeText(text, start, field.selectionEnd ?? start, 'end');
    field.focus();
    this.#keepDraft();
  }

  #grow() {
    const { field } = this;
    if (field.localName !== 'textarea') return;
    field.style.blockSize = 'auto';
    field.style.blockSize = `${Math.min(field.scrollHeight, 160)}px`;
  }

  #draft() { try { return sessionStorage.getItem(`hiroba:draft:${this.room}`) ?? ''; } catch { return ''; } }
  #keepDraft() { try { if (!this.#editing) sessionStorage.setItem(`hiroba:draft:${this.room}`, this.field.value); } catch { /* Private browsing may refuse; the field still holds it. */ } }
}

/** @param {string} locale @param {number} at */
function clock(locale, at) {
  const today = new Date(at).toDateString() === new Date().toDateString();
  return new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit', ...(today ? {} : { day: 'numeric', month: 'short' }) }).format(at);
}

/** Say why a command was refused. @param {Words} words @param {Refused} refused */
export function refusalText({ t, tn }, { code, retryAfter }) {
  const wait = Math.ceil(retryAfter / 1000);
  switch (code) {
    case 'slow_mode': return t('Slow mode is on. Wait a little before the next comment.');
    case 'rate_limited': return wait ? tn('That was too fast. Try again in {n} second.', 'That was too fast. Try again in {n} seconds.', wait) : t('That was too fast. Wait a little and try again.');
    case 'muted': return t('You cannot write here at the moment.');
    case 'banned': return t('You have been shut out of this community.');
    case 'room_closed': return t('This room takes no new comments.');
    case 'room_busy': return t('Too much is being said at once. Try again in a moment.');
    case 'too_large': return t('That is too long.');
    case 'too_late': return t('It is too late to change this.');
    case 'unauthenticated': return t('Sign in first.');
    case 'forbidden': return t('Your account may not do this.');
    case 'offline': return t('There is no connection at the moment.');
    case 'invalid': return t('This did not work. Check what you entered.');
    default: return t('This could not be saved just now. Try again in a moment.');
  }
}
