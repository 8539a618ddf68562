/** What every room page does: who is here, the connection and how it is told, the menu of a comment, the sheets. */
import { Connection, Refused } from '../core/connection.js';
import { announcer, localTimes, rememberZone } from '../core/i18n.js';
import { Composer, refusalText } from './composer.js';
import { Outbox } from './outbox.js';
import { EDIT_WITHIN, RowMenu } from './rows.js';

/**
 * @typedef {import('../core/connection.js').Body} Body
 * @typedef {import('../core/connection.js').Item} Item
 * @typedef {import('./rows.js').Comment} Comment
 * @typedef {{id: string, name: string, role: string}} Me
 * @typedef {{words: import('../core/i18n.js').Words, page: any, comments: import('./comments.js').CommentList,
 *   feed: string, ended?: boolean, idle?: boolean, onBody?: (body: Body, at: number) => void,
 *   onChange?: (body: Body) => void, onNow?: (body: Body) => void, onJoined?: (room: any) => void, onTyping?: () => void,
 *   act?: (deed: string, comment: Comment, extra?: string) => void}} How
 */

const GUEST = 10, BANNER_AFTER = 2000;

/** What the reader chose is kept on this device. @param {string} name @param {string} [value] */
export function kept(name, value) {
  try {
    if (value !== undefined) localStorage.setItem(`hiroba:${name}`, value);
    return localStorage.getItem(`hiroba:${name}`);
  } catch {
    return null;
  }
}

/** @template {HTMLElement} T @param {string} selector @param {new () => T} _ its class @returns {T} */
export const find = (selector, _) => /** @type {T} */ (document.querySelector(selector));

/** Show a short line for a while. @param {string} text */
export function toast(text) {
  const box = find('#toast', HTMLElement);
  box.textContent = text;
  box.hidden = false;
  clearTimeout(Number(box.dataset.timer));
  box.dataset.timer = String(setTimeout(() => { box.hidden = true; }, 4000));
}

/** One room page; made once, when all custom elements are defined. */
export class RoomPage {
  /** @type {any} */ #banner = null;

  /** @param {How} how */
  constructor(how) {
    const { words, page, comments } = how;
    this.how = how; this.words = words; this.page = page; this.comments = comments;
    this.csrf = document.querySelector('meta[name=csrf]')?.getAttribute('content') ?? '';
    this.channel = `room:${page.room.id}`;
    /** @type {Me | null} */ this.me = page.you;
    this.composer = find('room-composer', Composer);
    this.say = announcer(find('#spoken', HTMLElement), { every: this.speak() === 'all' ? 3000 : 10_000 });
    this.connection = new Connection({ url: `${location.origin.replace(/^http/, 'ws')}/v1/live`, token: () => this.#token() });
    this.outbox = new Outbox({
      room: page.room.id, store: sessionStorage, post: (args) => this.connection.command('comment.post', args),
      onChange: (draft) => {
        if (this.me) comments.own(draft, this.me);
        if (draft.state === 'sent' || draft.state === 'held') this.composer.sent();
      },
      onRefused: (draft, refused) => { comments.takeOut((comment) => comment.cmid === draft.cmid); this.composer.giveBack(draft.text, refused); },
    });
  }

  begin() {
    const { words, page, comments, how } = this, room = page.room.id;
    this.#menus();
    this.#sheets();
    comments.begin({
      words, room, say: this.say, speak: () => this.speak(), me: () => this.me?.id, open: (comment) => this.menu?.open(comment),
      retry: (cmid) => this.outbox.retry(cmid), drop: (cmid) => this.outbox.drop(cmid), allComments: () => this.connection.setFeed(this.channel, 'full'),
    });
    this.composer.begin({
      words, room, now: () => this.connection.now(), needName: () => this.takeName(), onTyping: how.onTyping,
      send: ({ text, question, replyTo, editing }) => {
        if (!editing) return void this.outbox.add({ text, question, replyTo });
        this.ask('comment.edit', { id: editing, text }).then(() => comments.edited(editing, text), (error) => this.composer.giveBack(text, error));
      },
    });
    this.composer.setRules({ ...page.room, guests: page.guests, rank: page.you?.rank ?? 0, ended: Boolean(how.ended), idle: Boolean(how.idle) });
    this.composer.setMuted(page.sanction);
    this.#listen();
    rememberZone();
    localTimes(document);
    this.connection.subscribe(this.channel, { feed: how.feed, ...page.position });
    this.connection.start();
  }

  speak() { return kept('speak') ?? 'staff'; }

  /** Ask something about this room. @param {string} cmd @param {Record<string, any>} args */
  ask(cmd, args) { return this.connection.command(cmd, { room: this.page.room.id, ...args }); }

  /** @param {unknown} error */
  refused(error) { toast(refusalText(this.words, error instanceof Refused ? error : new Refused({ code: 'offline' }))); }

  /** Let a nameless reader take a name, or sign in where guests may not write. */
  takeName() {
    if (this.page.guests && this.page.room.min_rank <= GUEST) find('#naming', HTMLDialogElement).showModal();
    else location.assign(this.page.sign_in);
  }

  /** Members and guests show their cookie for a ticket; others only read. */
  async #token() {
    if (!this.me) return null;
    const answer = await fetch('/v1/ticket', { method: 'POST', headers: { 'X-CSRF': this.csrf }, credentials: 'same-origin' });
    if (answer.ok) return (await answer.json()).ticket;
    if (answer.status >= 500 || answer.status === 429) throw new Error(String(answer.status));
    return null;
  }

  #listen() {
    const { connection, comments, composer, how, page } = this;
    connection.on('items', (from, /** @type {Item[]} */ items) => {
      if (from !== this.channel) return;
      for (const { body, at } of items) {
        if (body.client_message_id && body.author?.id === this.me?.id) this.outbox.arrived(body.client_message_id, body.id);
        // What was said before this page was made stands in it already.
        if (at > page.now) this.#change(body);
        how.onBody?.(body, at);
      }
      comments.add(items);
    });
    connection.on('now', (from, /** @type {Body} */ body) => { this.#change(body); how.onNow?.(body); });
    connection.on('left-out', () => comments.leftOut());
    connection.on('gap', () => void comments.gap());
    connection.on('joined', (from, /** @type {import('../core/connection.js').Joined} */ { room, you }) => {
      if (room?.mode) Object.assign(this.page.room, { min_rank: room.min_rank });
      composer.setRules({ ...(room?.mode ? room : {}), rank: connection.rank });
      composer.setMuted(you?.sanction ?? null);
      if (room) how.onJoined?.(room);
    });
    connection.on('refused', () => this.#told(this.words.t('Reload this page to take part again.'), true));
    connection.on('state', (state, code) => this.#state(state, code));
    addEventListener('online', () => connection.start());
    addEventListener('offline', () => { if (connection.state !== 'open') this.#reconnecting(); });
    document.addEventListener('visibilitychange', () => { if (!document.hidden) connection.start(); });
  }

  /** What changes the room or the reader's own standing. @param {Body} body */
  #change(body) {
    this.how.onChange?.(body);
    const { composer, comments } = this, { t } = this.words;
    switch (body.event) {
      case 'room.changed': Object.assign(this.page.room, { min_rank: body.min_rank }); composer.setRules(body); break;
      case 'load.changed': this.#loaded(body.level); break;
      case 'you.muted': composer.setMuted({ until: body.until ?? null, reason: body.reason ?? '' }); find('#alarm', HTMLElement).textContent = t('You cannot write here at the moment.'); break;
      case 'you.unmuted': composer.setMuted(null); toast(t('You can write again.')); break;
      case 'held.approved': comments.takeOut((comment) => comment.id === body.id && comment.state === 'held'); toast(t('Your comment was approved.')); break;
      case 'held.rejected': comments.takeOut((comment) => comment.id === body.id); toast(t('Your comment was not approved.')); break;
    }
  }

  /** Say what is left out while very many are here. @param {number} level as in server/shedding.py */
  #loaded(level) {
    const { t } = this.words, line = find('[data-part=load]', HTMLElement);
    let text = '';
    if (level >= 5) text = t('Very many people are here: you see a selection of the comments. All of them are kept.');
    else if (level === 4) text = t('Very many people are here: please leave a pause between two comments.');
    else if (level > 0) text = t('Very many people are here: some things appear a little later.');
    // It is told again and again, and read aloud only when it changes.
    if (line.textContent !== text) line.textContent = text;
    line.hidden = !text;
  }

  /** @param {import('../core/connection.js').State} state @param {number} [code] */
  #state(state, code) {
    const { t } = this.words, banner = find('[data-part=conn]', HTMLElement);
    this.outbox.setOpen(state === 'open');
    if (state === 'open' || state === 'away') { clearTimeout(this.#banner); this.#banner = null; }
    if (state === 'open') {
      if (!banner.hidden) this.say(t('Connected again'));
      banner.hidden = true;
      this.composer.setRules({ rank: this.connection.rank });
      this.outbox.restore();
    } else if (state !== 'away') this.#banner ??= setTimeout(() => this.#reconnecting(), BANNER_AFTER);
    else if (code === 4505) this.#told(t('You have been shut out of this community.'), true);
    else if (code === 4504) this.#told(t('This account is open in too many windows.'), true);
    else if (code !== 1000) this.#told(t('Reload this page to take part again.'), true);
  }

  #reconnecting() {
    const { t } = this.words;
    this.#told(navigator.onLine ? t('Reconnecting… Your comments are kept on this device') : t('You are offline. Comments are sent when you are back'), false);
  }

  /** @param {string} text @param {boolean} still whether nothing more is being tried */
  #told(text, still) {
    const banner = find('[data-part=conn]', HTMLElement), slot = banner.querySelector('span:last-child');
    if (slot) slot.textContent = text;
    banner.classList.toggle('still', still);
    banner.hidden = false;
  }

  #menus() {
    const { connection, composer, comments } = this, { t } = this.words, report = find('#report', HTMLDialogElement);
    this.menu = new RowMenu(find('#row-menu', HTMLDialogElement), {
      may: (deed, comment) => {
        if (deed === 'edit' || deed === 'delete') return Boolean(comment.mine && connection.now() - comment.at < EDIT_WITHIN);
        if (deed === 'report') return !comment.mine && Boolean(this.me);
        return deed !== 'link' || !comment.state || comment.state === 'sent';
      },
      act: (deed, comment, extra) => {
        const { id } = comment;
        if (deed === 'reply') composer.reply({ id, name: comment.author.name });
        else if (deed === 'edit') composer.edit(id, comment.text);
        else if (deed === 'delete') this.ask('comment.delete', { id }).then(() => comments.takeOut((other) => other.id === id), (error) => this.refused(error));
        else if (deed === 'report') { report.dataset.id = id; report.showModal(); }
        else if (deed === 'copy') navigator.clipboard.writeText(comment.text).then(() => toast(t('Copied')), () => {});
        else if (deed === 'link') navigator.clipboard.writeText(`${location.origin}${location.pathname}?at=${id}#m-${id}`).then(() => toast(t('The link was copied')), () => {});
        else this.how.act?.(deed, comment, extra);
      },
    });
    report.addEventListener('submit', (event) => {
      const reason = /** @type {HTMLButtonElement | null} */ (/** @type {SubmitEvent} */ (event).submitter)?.value;
      if (reason) this.ask('comment.report', { id: report.dataset.id, reason }).then(() => toast(t('Thank you. The moderators will look at it.')), (error) => this.refused(error));
    });
  }

  #sheets() {
    for (const dialog of /** @type {NodeListOf<HTMLDialogElement>} */ (document.querySelectorAll('dialog.sheet'))) {
      dialog.addEventListener('click', (event) => { if (event.target === dialog || (event.target instanceof Element && event.target.closest('[data-close]'))) dialog.close(); });
    }
    const settings = find('#room-settings', HTMLDialogElement);
    for (const button of document.querySelectorAll('[data-part=open-settings]')) button.addEventListener('click', () => settings.showModal());
    for (const choice of /** @type {NodeListOf<HTMLInputElement>} */ (settings.querySelectorAll('[name=speak]'))) {
      choice.checked = choice.value === this.speak();
      choice.addEventListener('change', () => kept('speak', choice.value));
    }
    for (const button of document.querySelectorAll('[data-part=share]')) button.addEventListener('click', () => this.#share());
    find('#naming', HTMLDialogElement).addEventListener('submit', (event) => { event.preventDefault(); void this.#named(); });
  }

  async #share() {
    try {
      if (navigator.share) await navigator.share({ title: document.title, url: location.href });
      else { await navigator.clipboard.writeText(location.href); toast(this.words.t('The link was copied')); }
    } catch { /* The reader closed the sheet. */ }
  }

  async #named() {
    const naming = find('#naming', HTMLDialogElement), field = find('#guest-name', HTMLInputElement), wrong = find('#naming .err', HTMLElement);
    const body = JSON.stringify({ name: field.value.trim() });
    const answer = await fetch('/v1/guest', { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-CSRF': this.csrf }, body, credentials: 'same-origin' }).catch(() => null);
    const reply = await answer?.json().catch(() => null), slot = wrong.querySelector('span');
    wrong.hidden = Boolean(answer?.ok);
    field.setAttribute('aria-invalid', String(!answer?.ok));
    if (slot) slot.textContent = answer?.ok ? '' : this.#nameProblem(reply?.error);
    if (!answer?.ok) return field.focus();
    this.me = { ...reply.you, role: 'guest' };
    this.composer.setRules({ rank: GUEST });
    naming.close();
    this.connection.restart();
    this.composer.field.focus();
  }

  /** @param {any} error */
  #nameProblem(error) {
    const { t } = this.words;
    switch (error?.problem) {
      case 'too_long': return t('This name is too long.');
      case 'resembles_staff': return t('This name is too close to that of someone from the team.');
      case 'reserved': case 'word': return t('This name cannot be used here.');
      case 'empty': case 'invisible': return t('Please write a name that can be read.');
      default: return error?.code ? refusalText(this.words, new Refused(error)) : t('There is no connection at the moment.');
    }
  }
}
