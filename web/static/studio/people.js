/** Who bought, holds, waits for and asked about a product, and what becomes of orders. */
import { money } from '../live/offers.js';
import { problemText } from './problems.js';
import { put } from './rundown.js';

/** @typedef {{id: string, name: string, title?: string, variant: string, quantity: number, amount: number, currency: string, state: string, offline: boolean}} Order */

/** The sheets that list people. */
export class People {
  /** @param {import('./selling.js').Stage} stage */
  constructor(stage) {
    this.stage = stage;
    this.blank = /** @type {HTMLTemplateElement} */ (document.querySelector('template[data-sold]'));
  }

  async orders() {
    const sheet = /** @type {HTMLDialogElement} */ (document.getElementById('orders-sheet')), found = await this.#ask('sales.orders');
    if (!found) return;
    sheet.querySelector('[data-orders]')?.replaceChildren(...found.orders.map((/** @type {Order} */ order) => this.#order(order)));
    sheet.querySelector('[data-nothing]')?.toggleAttribute('hidden', found.orders.length > 0);
  }

  /** @param {import('./rundown.js').Product} product */
  async ofProduct(product) {
    const sheet = /** @type {HTMLDialogElement} */ (document.getElementById('people-sheet')), heading = sheet.querySelector('h2');
    const found = await this.#ask('sales.people', { product: product.id });
    if (!found) return;
    if (heading) heading.textContent = product.title;
    for (const list of /** @type {NodeListOf<HTMLElement>} */ (sheet.querySelectorAll('[data-people]'))) {
      const name = list.dataset.people ?? '', rows = found[name] ?? [], count = sheet.querySelector(`[data-count=${name}]`);
      if (count) count.textContent = this.stage.words.number(rows.length);
      list.replaceChildren(...rows.map((/** @type {any} */ row) => (name === 'bought' ? this.#order({ ...row, title: '' }) : this.#row(row.name, row.text ?? this.#pieces(row), ''))));
    }
    if (!sheet.open) sheet.showModal();
  }

  /** @param {string} cmd @param {Record<string, any>} [args] */
  #ask(cmd, args = {}) {
    return this.stage.ask(cmd, { broadcast: this.stage.broadcast.id, ...args }).catch((error) => { this.stage.refused(error); return null; });
  }

  /** @param {{variant: string, quantity: number}} of */
  #pieces({ variant, quantity }) { return [variant, `×${this.stage.words.number(quantity)}`].filter(Boolean).join(' '); }

  /** @param {string} name @param {string} what @param {string} state */
  #row(name, what, state) {
    const row = /** @type {HTMLElement} */ (this.blank.content.firstElementChild?.cloneNode(true));
    put(row, 'name', name);
    put(row, 'what', what);
    put(row, 'state', state);
    for (const button of row.querySelectorAll('button')) button.hidden = true;
    return row;
  }

  /** @param {Order} order */
  #order(order) {
    const { words } = this.stage, what = [order.title, this.#pieces(order)].filter(Boolean).join(' · ');
    const row = this.#row(order.name, what, `${money(order.amount, order.currency, words.locale)} · ${this.#state(order.state)}`);
    for (const button of row.querySelectorAll('button')) {
      const mark = button.dataset.mark ?? '';
      button.hidden = !this.#may(order, mark);
      button.addEventListener('click', async () => {
        button.disabled = true;
        try {
          await this.stage.ask('order.mark', { order: order.id, state: mark });
          row.replaceWith(this.#order({ ...order, state: mark }));
        } catch (error) { this.stage.toast(problemText(words, error)); button.disabled = false; }
      });
    }
    return row;
  }

  /** A shop behind it tells itself what became of a payment. @param {Order} order @param {string} mark */
  #may({ state, offline }, mark) {
    if (mark === 'paid') return offline && state === 'placed';
    if (mark === 'cancelled') return offline && state === 'placed';
    return (offline && state === 'paid') || state === 'refund_due';
  }

  /** @param {string} state */
  #state(state) {
    const { t } = this.stage.words;
    switch (state) {
      case 'placed': return t('Not paid yet');
      case 'paid': return t('Paid');
      case 'cancelled': return t('Cancelled');
      case 'refund_due': return t('To be paid back');
      case 'refunded': return t('Paid back');
      default: return state;
    }
  }
}
