/** The browser's side of the live wire: one WebSocket, its positions, and the way back after a loss. */

/**
 * @typedef {{epoch: number, offset: number}} Position
 * @typedef {any} Body a push of events.d.ts, or a notice
 * @typedef {{epoch: number, offset: number, at: number, body: Body}} Item
 * @typedef {[number, number, Body | null][]} Publications
 * @typedef {{ch: string, epoch: number, from: number, to: number, pubs: Publications, of?: number, why?: string}} Push
 * @typedef {{epoch: number, offset: number, recovered: boolean, pubs: Publications, more?: boolean, room?: any, you?: any}} Joined
 * @typedef {'connecting' | 'open' | 'waiting' | 'away'} State
 */

const PROTOCOL = 'hiroba.v1.json';
const QUIET = 40_000, REPLY_WITHIN = 10_000, SETTLED = 5_000, BUFFER = 200;

/** A command that was refused, with the wire's stable word as `code`. */
export class Refused extends Error {
  /** @param {{code: string, message?: string, retry_after?: number} & Record<string, any>} error */
  constructor(error) {
    super(error.message ?? error.code);
    this.code = error.code;
    /** ms to wait, where waiting helps */
    this.retryAfter = error.retry_after ?? 0;
    this.details = error;
  }
}

/**
 * Tell what to do with a push: take it, leave it as known, or ask for what lies between.
 * @param {Position} mine @param {{epoch: number, from: number, to: number}} push
 * @returns {'take' | 'known' | 'hole'}
 */
export function judge(mine, push) {
  if (push.epoch < mine.epoch) return 'known';
  const at = push.epoch === mine.epoch ? mine.offset : 0;
  if (push.from > at + 1) return 'hole';
  return at + 1 <= push.to + 1 ? 'take' : 'known';
}

/** Whether to come back after this close code. @param {number} code */
export function comesBack(code) {
  return code < 4500 || code > 4999;
}

/** The longest wait before try `n` (from 0), in ms. @param {number} n */
export function longestWait(n) {
  return Math.min(30_000, 500 * 2 ** n);
}

/** One connection for a page; emits `state`, `joined`, `items`, `now`, `left-out`, `gap`, `refused`. */
export class Connection {
  /** @type {Map<string, Set<(...args: any[]) => void>>} */ #listeners = new Map();
  /** @type {Map<string, {feed: string, epoch: number, offset: number, placed: boolean, asking: boolean, kept: Push[]}>} */ #channels = new Map();
  /** @type {Map<number, {resolve: (ok: any) => void, reject: (error: Refused) => void, timer: any}>} */ #waiting = new Map();
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {string | null} */ #resume = null;
  /** @type {any} */ #timer = null;
  /** @type {any} */ #quiet = null;
  /** @type {any} */ #refresh = null;
  #id = 0;
  #attempt = 0;
  #tries = 0;
  #openedAt = 0;
  #refusedToken = 0;

  /**
   * @param {{url: string, token: () => Promise<string | null>,
   *   open?: (url: string, protocol: string) => WebSocket, random?: () => number}} options
   *   `token` gives a fresh ticket, or null for a nameless reader
   */
  constructor({ url, token, open = (at, protocol) => new WebSocket(at, protocol), random = Math.random }) {
    this.url = url; this.token = token; this.open = open; this.random = random;
    /** @type {State} */ this.state = 'waiting';
    /** server time minus ours, ms */
    this.skew = 0;
    /** @type {{id: string, name: string} | null} */ this.you = null;
    this.rank = 0;
  }

  /** The server's time in ms. */
  now() { return Date.now() + this.skew; }

  /** @param {string} name @param {(...args: any[]) => void} listener */
  on(name, listener) {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set.add(listener));
  }

  /** Want a channel, from a position or from its newest. @param {string} channel @param {{feed?: string, epoch?: number, offset?: number}} [how] */
  subscribe(channel, { feed = 'sampled', epoch = 0, offset = 0 } = {}) {
    this.#channels.set(channel, { feed, epoch, offset, placed: epoch > 0, asking: false, kept: [] });
    if (this.state === 'open') this.#join(channel);
  }

  /** Take more or less of a channel from now on. @param {string} channel @param {string} feed */
  setFeed(channel, feed) {
    const known = this.#channels.get(channel);
    if (!known || known.feed === feed) return;
    known.feed = feed;
    if (this.state !== 'open') return;
    this.command('unsubscribe', { channel }).then(() => this.#join(channel), () => {});
  }

  start() {
    if (this.state === 'connecting' || this.state === 'open') return;
    clearTimeout(this.#timer);
    void this.#connect();
  }

  /** Begin again as somebody else: with a fresh token instead of the resume token. */
  restart() {
    this.#resume = null;
    this.#tries = 0;
    this.#drop(1000);
    clearTimeout(this.#timer);
    void this.#connect();
  }

  stop() {
    this.#attempt++;
    clearTimeout(this.#timer);
    this.#drop(1000);
    this.#become('away', 1000);
  }

  /** Send a command; rejects with Refused, code `offline` when it may not have arrived. @param {string} cmd @param {Record<string, any>} args @returns {Promise<any>} */
  command(cmd, args = {}) {
    const id = ++this.#id, socket = this.#socket;
    return new Promise((resolve, reject) => {
      if (!socket || socket.readyState !== 1) return reject(new Refused({ code: 'offline' }));
      const timer = setTimeout(() => { this.#waiting.delete(id); reject(new Refused({ code: 'offline' })); }, REPLY_WITHIN);
      this.#waiting.set(id, { resolve, reject, timer });
      socket.send(JSON.stringify({ id, cmd, args }));
    });
  }

  /** @param {string} name @param {...any} args */
  #emit(name, ...args) { for (const listener of this.#listeners.get(name) ?? []) listener(...args); }

  /** @param {State} state @param {number} [code] */
  #become(state, code) {
    if (this.state === state) return;
    this.state = state;
    this.#emit('state', state, code);
  }

  async #connect() {
    const attempt = ++this.#attempt;
    this.#become('connecting');
    let token = this.#resume;
    try {
      token ??= await this.token();
    } catch {
      if (attempt === this.#attempt) this.#later();
      return;
    }
    if (attempt !== this.#attempt) return;
    const socket = this.open(this.url, PROTOCOL);
    this.#socket = socket;
    socket.onopen = () => {
      const subscribe = [...this.#channels].map(([channel, { feed, epoch, offset, placed }]) => ({ channel, feed, ...(placed ? { epoch, offset } : {}) }));
      this.command('connect', { ...(token ? { token } : {}), subscribe }).then((reply) => this.#opened(reply), (error) => { if (this.#socket === socket) this.#refused(error); });
    };
    socket.onmessage = (event) => this.#frame(event.data);
    socket.onclose = (event) => { if (this.#socket === socket) this.#closed(event.code); };
    this.#listen();
  }

  /** @param {any} reply */
  #opened(reply) {
    this.skew = reply.time - Date.now();
    this.you = reply.you; this.rank = reply.rank;
    this.#openedAt = Date.now();
    this.#refusedToken = 0;
    this.#keep(reply);
    this.#become('open');
    for (const [channel, outcome] of Object.entries(reply.subscriptions ?? {})) {
      if (outcome.ok) this.#take(channel, outcome.ok, true);
      else this.#emit('refused', channel, new Refused(outcome.error));
    }
  }

  /** @param {{resume: string | null, expires_in: number}} session */
  #keep({ resume, expires_in }) {
    this.#resume = resume;
    clearTimeout(this.#refresh);
    // Who only reads has no session that could run out.
    if (!resume) return;
    this.#refresh = setTimeout(() => this.command('session.refresh').then((next) => this.#keep(next), () => {}), expires_in / 2);
  }

  /** @param {Refused} error */
  #refused(error) {
    if (error.code !== 'offline') this.#resume = null;
    this.#drop(1000);
    this.#closed(error.code === 'unauthenticated' || error.code === 'expired' ? 4501 : 1006);
  }

  /** @param {number} code */
  #closed(code) {
    this.#drop();
    if (code === 4005 || code === 4501) this.#resume = null;
    // A token can have grown old while nobody looked: a fresh one is tried once.
    const fresh = code === 4501 && this.#refusedToken++ === 0;
    if (Date.now() - this.#openedAt > SETTLED) this.#tries = 0;
    if (fresh || comesBack(code)) this.#later(code);
    else this.#become('away', code);
  }

  /** @param {number} [code] */
  #later(code) {
    this.#become('waiting', code);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(), this.random() * longestWait(this.#tries++));
  }

  /** @param {number} [code] close the socket with it */
  #drop(code) {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#quiet);
    clearTimeout(this.#refresh);
    if (socket && code) socket.close(code);
    for (const channel of this.#channels.values()) { channel.asking = false; channel.kept = []; }
    for (const { reject, timer } of this.#waiting.values()) { clearTimeout(timer); reject(new Refused({ code: 'offline' })); }
    this.#waiting.clear();
  }

  /** A channel says something every 15 s; silence means that nobody is there. */
  #listen() {
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => { this.#drop(4000); this.#closed(1006); }, QUIET);
  }

  /** @param {string} text */
  #frame(text) {
    this.#listen();
    const frame = JSON.parse(text);
    if (frame.id !== undefined) {
      const waiting = this.#waiting.get(frame.id);
      if (!waiting) return;
      this.#waiting.delete(frame.id);
      clearTimeout(waiting.timer);
      if (frame.error) waiting.reject(new Refused(frame.error));
      else waiting.resolve(frame.ok);
    } else if (frame.now) {
      for (const body of frame.now) this.#emit('now', frame.ch, body);
    } else if (frame.ch) {
      this.#push(frame);
    }
  }

  /** @param {Push} push */
  #push(push) {
    const mine = this.#channels.get(push.ch);
    if (!mine) return;
    if (mine.asking) {
      mine.kept.push(push);
      if (mine.kept.length > BUFFER) mine.kept = [];
      return;
    }
    const verdict = judge(mine, push);
    if (verdict === 'hole') {
      mine.kept.push(push);
      void this.#ask(push.ch);
    }
    if (verdict !== 'take') return;
    this.#give(push.ch, push.epoch, push.pubs);
    mine.epoch = push.epoch; mine.offset = push.to; mine.placed = mine.epoch > 0;
    const missing = (push.of ?? 0) - push.pubs.length;
    if (missing > 0) this.#emit(push.why === 'sampled' ? 'left-out' : 'gap', push.ch, missing);
  }

  /** @param {string} channel */
  #join(channel) {
    const mine = this.#channels.get(channel);
    if (!mine) return;
    const { feed, epoch, offset, placed } = mine;
    this.command('subscribe', { channel, feed, ...(placed ? { epoch, offset } : {}) })
      .then((ok) => this.#take(channel, ok, true), (error) => { if (error.code !== 'offline') this.#emit('refused', channel, error); });
  }

  /** Ask for what lies between, keeping what comes meanwhile. @param {string} channel */
  async #ask(channel) {
    const mine = this.#channels.get(channel);
    if (!mine || mine.asking) return;
    mine.asking = true;
    try {
      for (let more = true, from = -1; more && mine.offset > from;) {
        from = mine.offset;
        const ok = await this.command('history', { channel, epoch: mine.epoch, offset: from });
        this.#take(channel, ok, false);
        more = Boolean(ok.more);
      }
    } catch {
      // Without what is missing nothing more can be shown: begin again from the same place.
      if (mine.asking) { this.#drop(4000); this.#closed(1006); }
      return;
    }
    mine.asking = false;
    for (const push of mine.kept.splice(0)) this.#push(push);
  }

  /** @param {string} channel @param {Joined} ok @param {boolean} joined */
  #take(channel, ok, joined) {
    const mine = this.#channels.get(channel);
    if (!mine) return;
    const lost = mine.placed && !ok.recovered;
    if (lost) this.#emit('gap', channel, 0);
    if (lost || ok.epoch !== mine.epoch) { mine.epoch = ok.epoch; mine.offset = 0; }
    this.#give(channel, ok.epoch, ok.pubs);
    mine.offset = Math.max(mine.offset, ok.offset); mine.placed = ok.epoch > 0;
    if (joined) this.#emit('joined', channel, ok);
    if (joined && ok.more) void this.#ask(channel);
  }

  /** @param {string} channel @param {number} epoch @param {Publications} pubs */
  #give(channel, epoch, pubs) {
    const mine = this.#channels.get(channel);
    const after = mine && mine.epoch === epoch ? mine.offset : 0;
    /** @type {Item[]} */ const items = [];
    for (const [offset, at, body] of pubs) if (body && offset > after) items.push({ epoch, offset, at, body });
    if (items.length) this.#emit('items', channel, items);
  }
}
