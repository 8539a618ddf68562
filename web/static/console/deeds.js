/** What a moderator does: at once on the screen, then on the server, and back again for ten seconds. */
import { Refused } from '../core/connection.js';

/**
 * @typedef {import('../core/i18n.js').Words} Words
 * @typedef {import('./feed.js').Line} Line
 * @typedef {{id: string, name: string}} Person
 * @typedef {{words: Words, ask: (cmd: string, args?: Record<string, any>) => Promise<any>, feed: import('./feed.js').Feed,
 *   queue: () => import('./queue.js').Queue, card: () => import('./card.js').Card, refusal: (error: Refused) => string, labels: Record<string, Record<string, string>>, step: (seconds: number) => string}} How
 */

const REMEMBERED = 20, TOAST = 10_000;

export class Deeds {
  /** @type {{said: string, undo: () => Promise<any>}[]} */ #done = [];
  #how; #t;
  /** @type {any} */ #timer = null;

  /** @param {How} how @param {HTMLElement} toast */
  constructor(how, toast) {
    this.#how = how; this.#t = how.words.t; this.box = toast;
    toast.querySelector('[data-undo]')?.addEventListener('click', () => this.undo());
  }

  /** @param {string} said @param {boolean} [undoable] */
  toast(said, undoable = false) {
    const [text, button] = [this.box.querySelector('span'), /** @type {HTMLElement | null} */ (this.box.querySelector('[data-undo]'))];
    if (text) text.textContent = said;
    if (button) button.hidden = !undoable;
    this.box.hidden = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { this.box.hidden = true; }, undoable ? TOAST : 4000);
  }

  /** @param {unknown} error */
  refused(error) { this.toast(this.#how.refusal(error instanceof Refused ? error : new Refused({ code: 'offline' }))); }

  /** Take the last act back. */
  undo() {
    const last = this.#done.pop();
    if (!last) return this.toast(this.#t('There is nothing to undo.'));
    this.box.hidden = true;
    last.undo().then(() => { this.toast(this.#t('Undone: {what}', { what: last.said })); void this.#how.card().reload(); }, (error) => this.refused(error));
  }

  /** Do something with a message, or with who wrote it. @param {string} deed @param {Line} line @param {any} [extra] */
  line(deed, line, extra = {}) {
    if (deed === 'hide') return this.hide(line.id);
    if (deed === 'restore') return this.restore(line.id);
    if (deed === 'question') return this.#mark(line);
    if (deed === 'pin') return this.#simply('comment.pin', { id: line.id }, this.#t('Pinned'));
    this.person(deed, line.author, { seconds: deed === 'timeout' ? 300 : null, ...extra });
  }

  /** @param {string} id @param {string} [reason] @returns {Promise<void>} */
  hide(id, reason = '') {
    const { feed, ask } = this.#how;
    feed.hidden(id, this.#t('You hid this'));
    return ask('comment.hide', { id, reason }).then((reply) => {
      if (reply.already) feed.hidden(id, reply.by ? this.#t('{name} hid this', { name: reply.by.name }) : this.#t('Hidden'));
      else this.#remember(this.#t('Hidden'), () => ask('comment.restore', { id }).then(() => feed.shown(id)));
    }, (error) => { feed.shown(id); this.refused(error); });
  }

  /** One after another: a connection takes only so many commands at once. @param {string[]} ids */
  async hideAll(ids) {
    const { feed, ask } = this.#how;
    for (const id of ids) {
      feed.hidden(id, this.#t('You hid this'));
      try { await ask('comment.hide', { id, reason: this.#how.labels.reason.spam }); } catch (error) { feed.shown(id); return this.refused(error); }
    }
    this.#remember(this.#how.words.tn('{n} message hidden', '{n} messages hidden', ids.length), async () => {
      for (const id of ids) { await ask('comment.restore', { id }); feed.shown(id); }
    });
  }

  /** @param {string} id */
  restore(id) {
    const { feed, ask } = this.#how, line = feed.line(id), by = line?.by ?? '';
    feed.shown(id);
    ask('comment.restore', { id }).then(() => {}, (error) => { feed.hidden(id, by); this.refused(error); });
  }

  /** @param {Line} line */
  #mark(line) {
    this.#how.ask('question.mark', { id: line.id }).then(() => this.#how.feed.noted(line.id, this.#t('Sent to the host as a question')), (error) => this.refused(error));
  }

  /** @param {string} deed @param {Person} person @param {{seconds?: number | null, reason?: string, text?: string, message?: string}} extra */
  person(deed, { id, name }, { seconds = null, reason = '', text = '', message = '' }) {
    const t = this.#t, { ask, step } = this.#how;
    if (deed === 'hide') return void (message && this.hide(message, reason));
    if (deed === 'question') { const line = this.#how.feed.line(message); return line && this.#mark(line); }
    if (deed === 'note') return this.#simply('person.note', { person: id, text }, t('Noted'));
    /** @type {Record<string, [string, Record<string, any>, string]>} */
    const known = {
      timeout: ['person.mute', { person: id, seconds, reason }, t('{name} may not write for {time}', { name, time: step(seconds ?? 0) })],
      mute: ['person.mute', { person: id, seconds: null, reason }, t('{name} is muted in this room', { name })],
      ban: ['person.ban', { person: id, seconds: null, reason }, t('{name} is banned', { name })],
      purge: ['person.purge', { person: id, reason }, t('All messages of {name} are hidden', { name })],
      unmute: ['person.unmute', { person: id }, t('{name} may write again', { name })],
      unban: ['person.unban', { person: id }, t('{name} may come in again', { name })],
    };
    const wanted = known[deed];
    if (!wanted) return;
    const [cmd, args, said] = wanted;
    ask(cmd, args).then((reply) => {
      const back = cmd === 'person.ban' ? 'person.unban' : 'person.unmute';
      const unsaved = t('not yet saved');
      this.#remember(reply.saved === false ? `${said} · ${unsaved}` : said, () => (reply.saved === false ? ask(back, { person: id }) : ask('audit.undo', { id: reply.action })));
      void this.#how.card().reload();
    }, (error) => this.refused(error));
  }

  /** Approve or reject a held message. @param {'approve' | 'reject'} deed @param {string} id */
  decide(deed, id) {
    const { ask, queue, labels } = this.#how, item = queue().remove(id);
    if (!item) return;
    ask(`held.${deed}`, { id }).then((reply) => {
      if (reply.already) this.toast(this.#t('{name} was first: {decision}', { name: reply.by?.name ?? '', decision: labels.action[reply.decision === 'approved' ? 'approve' : 'reject'] }));
      else this.#remember(labels.action[deed], () => ask('audit.undo', { id: reply.action }));
    }, (error) => { queue().add(item); this.refused(error); });
  }

  /** @param {'hide' | 'dismiss'} deed @param {string} id */
  settle(deed, id) {
    const { ask, queue, labels } = this.#how, report = queue().settle(id);
    if (!report) return;
    const hiding = deed === 'hide' ? this.hide(id, labels.reason[report.reasons[0]] ?? '') : Promise.resolve();
    hiding.then(() => ask('report.resolve', { id, outcome: deed === 'hide' ? 'acted' : 'dismissed' })).then((reply) => {
      this.#how.feed.reported(id, 0);
      if (deed === 'dismiss' && reply.action) this.#remember(labels.action['report.resolve'], () => ask('audit.undo', { id: reply.action }).then(() => queue().putBack(report)));
    }, (error) => { queue().putBack(report); this.refused(error); });
  }

  /** @param {string} id of a row of the log */
  undoLogged(id) { this.#how.ask('audit.undo', { id }).then(() => { void this.#how.card().reload(); }, (error) => this.refused(error)); }

  /** @param {string} cmd @param {Record<string, any>} args @param {string} said */
  #simply(cmd, args, said) {
    this.#how.ask(cmd, args).then((reply) => {
      if (reply?.action) this.#remember(said, () => this.#how.ask('audit.undo', { id: reply.action }));
      else this.toast(said);
      void this.#how.card().reload();
    }, (error) => this.refused(error));
  }

  /** @param {string} word @param {string} action */
  addWord(word, action) { this.#simply('word.add', { word, action }, this.#how.labels.action['word.add']); }

  /** @param {string} said @param {() => Promise<any>} undo */
  #remember(said, undo) {
    this.#done.push({ said, undo });
    if (this.#done.length > REMEMBERED) this.#done.shift();
    this.toast(said, true);
  }
}
