/** What the host sells: joins the rundown, the sheets and the figures with the connection. */
import { money } from '../live/offers.js';
import { Gifts } from './gifts.js';
import { problemText } from './problems.js';
import { Rundown } from './rundown.js';
import { Sheets } from './sheets.js';

/**
 * @typedef {import('../core/i18n.js').Words} Words
 * @typedef {(cmd: string, args?: Record<string, any>) => Promise<any>} Ask
 * @typedef {{words: Words, ask: Ask, now: () => number, toast: (text: string) => void,
 *   refused: (error: unknown) => void, room: string, broadcast: {id: string, starts_at: number}}} Stage
 */

const SOON = 800;
const AGAIN = 15_000;

/** The selling part of the studio. */
export class Selling {
  #asking = false;
  #stale = false;
  /** What the last stop stopped. @type {string[] | undefined} */ #stopped;

  /** @param {Stage} stage @param {import('./rundown.js').Figures} figures */
  constructor(stage, figures) {
    this.stage = stage;
    this.form = /** @type {HTMLFormElement} */ (document.querySelector('[data-run]'));
    this.rundown = new Rundown({ form: this.form, words: stage.words, now: stage.now, changed: () => this.#changed() });
    this.gifts = new Gifts(/** @type {HTMLElement} */ (this.form.querySelector('[data-gifts]')), stage);
    this.sheets = new Sheets(stage, this.rundown, (product, what) => this.#act(what, product), () => this.refresh());
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      const button = event.submitter;
      if (button instanceof HTMLButtonElement) { const [what, id] = button.value.split(':'); void this.#act(what, id, button); }
    });
    this.take(figures);
    setInterval(() => { if (!document.hidden) this.refresh(); }, AGAIN);
  }

  /** @param {import('./rundown.js').Figures} figures */
  take(figures) {
    const { words } = this.stage;
    this.rundown.take(figures);
    const say = (/** @type {string} */ name, /** @type {string} */ text) => { for (const slot of document.querySelectorAll(`[data-${name}]`)) slot.textContent = text; };
    say('orders-n', words.number(figures.orders));
    say('units-n', figures.units > figures.orders ? words.tn('{n} piece', '{n} pieces', figures.units) : '');
    // The largest sum stands first; another currency beside it.
    const [first, ...others] = figures.sales.map(({ amount, currency }) => money(amount, currency, words.locale));
    say('sales-n', first ?? words.number(0));
    say('sales-more', others.join(' · '));
  }

  /** @param {import('../core/connection.js').Body} body */
  change(body) {
    if (!this.rundown.change(body) || body.event === 'purchase.made') this.refresh();
    this.gifts.change(body);
  }

  tick() { this.rundown.tick(); this.gifts.tick(); }

  /** Ask for the figures, soon, and not more often than every two seconds. */
  refresh() {
    this.#stale = true;
    if (this.#asking) return;
    this.#asking = true;
    setTimeout(async () => {
      this.#stale = false;
      await this.stage.ask('sales.list', { broadcast: this.stage.broadcast.id }).then((figures) => this.take(figures), () => {});
      setTimeout(() => { this.#asking = false; if (this.#stale) this.refresh(); }, 1200);
    }, SOON);
  }

  /** Fetch everything anew, after something may have been missed. */
  again() { this.refresh(); void this.gifts.fetch(); }

  /** What is pinned now. */
  get onShow() { return this.rundown.pinned === null ? null : this.rundown.line(this.rundown.pinned)?.product ?? null; }

  #changed() {
    const stopped = this.rundown.lines.filter(({ product }) => product.stopped);
    this.form.querySelector('[data-resume]')?.toggleAttribute('hidden', stopped.length === 0);
    this.form.querySelector('[data-stopped]')?.toggleAttribute('hidden', stopped.length === 0 || stopped.length < this.rundown.lines.length);
    const line = document.querySelector('[data-onshow]'), slot = line?.querySelector('bdi');
    line?.toggleAttribute('hidden', !this.onShow);
    if (slot) slot.textContent = this.onShow?.title ?? '';
  }

  /** @param {string} what @param {string} id of a product, or of a sale @param {HTMLButtonElement} [button] */
  async #act(what, id, button) {
    const { stage } = this, { t } = stage.words, broadcast = stage.broadcast.id;
    if (button) button.disabled = true;
    try {
      switch (what) {
        case 'pin': await stage.ask('product.pin', { product: id }); break;
        case 'unpin': await stage.ask('product.unpin'); break;
        case 'up': case 'down': await stage.ask('rundown.move', { broadcast, product: id, by: what === 'up' ? -1 : 1 }); this.#moved(id, what === 'up' ? -1 : 1); break;
        case 'remove': await stage.ask('rundown.remove', { broadcast, product: id }); stage.toast(t('Taken out of the rundown.')); this.refresh(); break;
        case 'extend': await stage.ask('sale.extend', { sale: id, minutes: 1, ends_at: this.rundown.lines.find(({ product }) => product.sale?.id === id)?.product.sale?.ends_at }); break;
        case 'end': await stage.ask('sale.end', { sale: id }); break;
        case 'stop': this.#stopped = (await stage.ask('shop.stop', { broadcast })).products; stage.toast(t('All sales of this show are stopped.')); break;
        case 'resume': await stage.ask('shop.resume', { broadcast, ...(this.#stopped?.length ? { products: this.#stopped } : {}) }); this.#stopped = undefined; stage.toast(t('Everything is sold again.')); break;
      }
    } catch (error) {
      stage.toast(problemText(stage.words, error));
    } finally {
      if (button) { button.disabled = false; if (document.activeElement === document.body) button.focus(); }
    }
  }

  /** @param {string} id @param {number} by */
  #moved(id, by) {
    const { lines } = this.rundown, at = lines.findIndex(({ product }) => product.id === id), to = at + by;
    if (at < 0 || to < 0 || to >= lines.length || !lines[to].planned) return;
    [lines[at], lines[to]] = [lines[to], lines[at]];
    this.rundown.draw();
  }
}
