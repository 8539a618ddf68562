/** What the reader wrote, from the key press until the server has it: sent once, kept until then. */
import { Refused } from '../core/connection.js';

/**
 * @typedef {'sending' | 'queued' | 'failed' | 'held' | 'sent'} Sending
 * @typedef {{cmid: string, text: string, question: boolean, replyTo: {id: string, name: string} | null,
 *   at: number, state: Sending, tries: number, id?: string, epoch?: number, offset?: number, error?: string}} Draft
 * @typedef {{getItem: (key: string) => string | null, setItem: (key: string, value: string) => void}} Store
 */

/** A comment older than this is not sent any more without being asked. */
const KEPT = 300_000;
const TRIES = 4;
/** Refusals after which the words go back into the composer, which says why. */
const GIVEN_BACK = new Set(['slow_mode', 'rate_limited', 'muted', 'banned', 'room_closed', 'forbidden', 'unauthenticated', 'invalid', 'too_large', 'room_busy']);

/** Sends one draft after the other; a repetition carries the same client_message_id, so it counts once. */
export class Outbox {
  /** @type {Draft[]} */ #drafts = [];
  #open = false;
  #busy = false;

  /**
   * @param {{post: (args: Record<string, any>) => Promise<any>, room: string,
   *   onChange: (draft: Draft) => void, onRefused: (draft: Draft, refused: Refused) => void,
   *   store?: Store, now?: () => number, id?: () => string}} options
   */
  constructor({ post, room, onChange, onRefused, store, now = Date.now, id = () => crypto.randomUUID() }) {
    this.post = post; this.room = room; this.onChange = onChange; this.onRefused = onRefused;
    this.store = store; this.now = now; this.id = id;
  }

  /** Show again what an earlier page could not send. */
  restore() {
    try {
      for (const draft of JSON.parse(this.store?.getItem(this.#key) ?? '[]')) this.#drafts.push(draft);
    } catch {
      return;
    }
    for (const draft of this.#drafts) this.#become(draft, this.#tooOld(draft) ? 'failed' : 'queued');
    void this.#run();
  }

  /** @param {{text: string, question?: boolean, replyTo?: {id: string, name: string} | null}} written */
  add({ text, question = false, replyTo = null }) {
    /** @type {Draft} */
    const draft = { cmid: this.id(), text, question, replyTo, at: this.now(), state: 'queued', tries: 0 };
    this.#drafts.push(draft);
    this.#become(draft, this.#open ? 'sending' : 'queued');
    void this.#run();
    return draft;
  }

  /** @param {string} cmid */
  retry(cmid) {
    const draft = this.find(cmid);
    if (!draft || draft.state !== 'failed') return;
    draft.at = this.now(); draft.tries = 0;
    this.#become(draft, this.#open ? 'sending' : 'queued');
    void this.#run();
  }

  /** @param {string} cmid */
  drop(cmid) {
    this.#drafts = this.#drafts.filter((draft) => draft.cmid !== cmid);
    this.#save();
  }

  /** @param {string} cmid */
  find(cmid) { return this.#drafts.find((draft) => draft.cmid === cmid); }

  /** @param {boolean} open whether the connection stands */
  setOpen(open) {
    this.#open = open;
    if (open) void this.#run();
    else for (const draft of this.#drafts) if (draft.state === 'sending') this.#become(draft, 'queued');
  }

  /** The push of an own comment may come before its reply. @param {string} cmid @param {string} id */
  arrived(cmid, id) {
    const draft = this.find(cmid);
    if (!draft) return;
    draft.id = id;
    this.#become(draft, 'sent');
    this.drop(cmid);
  }

  async #run() {
    if (this.#busy) return;
    this.#busy = true;
    for (let draft = this.#next(); draft; draft = this.#next()) await this.#send(draft);
    this.#busy = false;
  }

  #next() {
    if (!this.#open) return undefined;
    return this.#drafts.find((draft) => draft.state === 'queued' || draft.state === 'sending');
  }

  /** @param {Draft} draft */
  async #send(draft) {
    if (this.#tooOld(draft) || draft.tries >= TRIES) return this.#become(draft, 'failed');
    draft.tries++;
    if (draft.state !== 'sending') this.#become(draft, 'sending');
    const { text, question, replyTo, cmid } = draft;
    try {
      const reply = await this.post({ room: this.room, text, client_message_id: cmid, ...(question ? { question } : {}), ...(replyTo ? { reply_to: replyTo.id } : {}) });
      if (!this.find(cmid)) return;
      Object.assign(draft, { id: reply.id, epoch: reply.epoch, offset: reply.offset });
      this.#become(draft, reply.verdict === 'held' ? 'held' : 'sent');
      this.drop(cmid);
    } catch (error) {
      this.#refused(draft, error instanceof Refused ? error : new Refused({ code: 'offline' }));
    }
  }

  /** @param {Draft} draft @param {Refused} refused */
  #refused(draft, refused) {
    if (!this.find(draft.cmid)) return;
    draft.error = refused.code;
    if (refused.code === 'offline') return this.#become(draft, 'queued');
    if (GIVEN_BACK.has(refused.code)) {
      this.drop(draft.cmid);
      return this.onRefused(draft, refused);
    }
    this.#become(draft, 'failed');
  }

  /** @param {Draft} draft */
  #tooOld(draft) { return this.now() - draft.at > KEPT; }

  /** @param {Draft} draft @param {Sending} state */
  #become(draft, state) {
    draft.state = state;
    this.#save();
    this.onChange(draft);
  }

  get #key() { return `hiroba:outbox:${this.room}`; }

  #save() {
    const kept = this.#drafts.filter(({ state }) => state !== 'sent' && state !== 'held');
    try { this.store?.setItem(this.#key, JSON.stringify(kept)); } catch { /* A full store must not stop the sending. */ }
  }
}
