/** The sheet in which something is chosen, held, and paid or let go; nothing is ever sent later. */
import { refusalText } from '../room/composer.js';
import { kept } from '../room/room.js';
import { fillOffer, put, show, tick } from './cards.js';
import { room, words } from './main.js';
import { Attempt, discountOf, money, most, offerOf } from './offers.js';

/**
 * @typedef {import('../events').ProductInfo} Product
 * @typedef {import('../events').ReservationInfo} Reservation
 */

const { t, tn } = words;

/** `<buy-sheet>`: a dialog that the server rendered. */
export class BuySheet extends HTMLElement {
  /** @type {string | null} */ shown = null;
  /** @type {string | null} */ #hold = null;
  /** @type {Set<string>} */ #waits = new Set();
  #attempt = new Attempt();
  #busy = false;
  #done = false;
  shop = /** @type {any} */ (null);

  /** @param {any} shop the shelf */
  begin(shop) {
    this.shop = shop;
    this.dialog = /** @type {HTMLDialogElement} */ (this.querySelector('dialog'));
    this.form = /** @type {HTMLFormElement} */ (this.querySelector('form'));
    this.quantity = /** @type {HTMLInputElement} */ (this.form.elements.namedItem('quantity'));
    const named = /** @type {HTMLInputElement} */ (this.form.elements.namedItem('named'));
    named.checked = kept('named') === 'yes';
    named.addEventListener('change', () => kept('named', named.checked ? 'yes' : 'no'));
    this.form.addEventListener('submit', (event) => { event.preventDefault(); void this.#reserve(); });
    this.form.addEventListener('input', () => { this.#say(''); this.draw(); });
    for (const button of this.form.querySelectorAll('[data-step-by]')) button.addEventListener('click', () => this.#step(Number(button.getAttribute('data-step-by'))));
    this.#on('wait', () => this.#wait());
    this.#on('checkout', () => this.#checkout());
    this.#on('release', () => this.#release());
    this.dialog.addEventListener('close', () => { this.shown = this.#hold = null; this.#say(''); });
  }

  /** Show a product to choose from. @param {string} id */
  open(id) {
    const product = this.shop.products.get(id);
    if (!product || !this.dialog || !this.form) return;
    this.shown = id; this.#hold = null; this.#done = false;
    this.#variants(product);
    if (this.quantity) this.quantity.value = '1';
    this.draw();
    if (!this.dialog.open) this.dialog.showModal();
    const first = this.form.querySelector('.var input:checked');
    if (product.variants.length > 1 && first instanceof HTMLElement) first.focus();
    else this.#focus('buy-h');
  }

  /** Go on with what is held. @param {Reservation} held */
  resume(held) {
    if (!this.dialog) return;
    this.shown = held.product; this.#hold = held.id; this.#done = false;
    this.draw();
    if (!this.dialog.open) this.dialog.showModal();
    // Not on a button: who presses Enter twice to reserve does not mean to order.
    this.#part('held-line')?.focus();
  }

  /** A reservation changed; whether it was told here. @param {Reservation} held @param {string} why */
  held(held, why) {
    if (!this.dialog?.open) return false;
    const product = this.shop.products.get(this.shown ?? '');
    if (held.state === 'held') {
      if (held.product !== this.shown || this.#hold || this.#busy || this.#done) return false;
      this.shop.hold(held);
      this.resume(held);
      this.#say(why === 'offered' ? t('It is your turn: it is held for you now.') : '');
      return true;
    }
    if (held.id !== this.#hold) return false;
    this.#back(held.state === 'released' ? t('It was let go.') : held.state === 'void' ? t('It could not be kept for you.') : t('The time is over; it is not held for you any more.'), product);
    return true;
  }

  /** An order came of what is shown; whether it was told here. @param {import('../events').OrderInfo} order @param {string} said */
  ordered(order, said) {
    if (!this.dialog?.open || order.reservation !== this.#hold) return false;
    this.#hold = null; this.#done = true;
    this.#say(said);
    this.draw();
    this.#focus('buy-h');
    return true;
  }

  draw() {
    const { dialog, form } = this, product = this.shop?.products.get(this.shown ?? '');
    if (!this.shown || !dialog || !form) return;
    const held = this.shop.holds.get(this.#hold ?? '');
    if (this.#hold && !held) return this.#back(t('It is not held for you any more. If you paid, it is told here and stands with your orders.'), product);
    const top = /** @type {HTMLElement} */ (dialog.querySelector('.b-top'));
    top.hidden = !product;
    form.hidden = Boolean(held) || !product || this.#done;
    show(dialog, '[data-step=done]', this.#done);
    show(dialog, '[data-step=held]', Boolean(held));
    put(dialog, 'title', product?.title ?? held?.title ?? '');
    if (product) this.#drawChoice(product, top);
    if (held) this.#drawHeld(held, product);
  }

  get #variant() { return /** @type {HTMLInputElement | null} */ (this.form?.querySelector('.var input:checked'))?.value ?? this.shop.products.get(this.shown ?? '')?.variants[0]?.id ?? ''; }

  /** @param {Product} product */
  #variants(product) {
    const box = this.querySelector('.vars'), template = /** @type {HTMLTemplateElement} */ (this.querySelector('template[data-part=variant]'));
    const chosen = product.variants.find((variant) => variant.left > 0) ?? product.variants[0];
    box?.replaceChildren(...product.variants.map((variant) => {
      const row = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true)), input = row.querySelector('input');
      if (input) { input.value = variant.id; input.checked = variant === chosen; }
      return row;
    }));
    show(this, '[data-part=variants]', product.variants.length > 1);
  }

  /** @param {Product} product @param {HTMLElement} top */
  #drawChoice(product, top) {
    const rows = this.querySelectorAll('.var'), { variants } = product;
    const known = [...rows].map((row) => row.querySelector('input')?.value).join();
    if (known !== variants.map((variant) => variant.id).join()) this.#variants(product);
    this.querySelectorAll('.var').forEach((row, at) => {
      const variant = variants[at], one = offerOf(product, variant.id), [title, price, left] = row.querySelectorAll('bdi, .v-p, .v-l');
      title.textContent = variant.title || variant.code || product.title;
      price.textContent = money(one.price, product.currency, words.locale);
      left.textContent = one.left === 0 ? t('Sold out') : one.low ? tn('{n} left', '{n} left', one.left) : '';
      row.classList.toggle('out', one.left === 0);
    });
    const variant = this.#variant, offer = fillOffer(top, product, variant), limit = most(product, variant), out = offer.left === 0;
    put(this, 'about', product.about);
    if (this.quantity) {
      this.quantity.max = String(limit);
      if (Number(this.quantity.value) > limit) this.quantity.value = String(limit);
    }
    const wish = this.#wish(product), coupon = this.shop.coupon(product), why = this.#why(product);
    const off = coupon && wish.coupon ? discountOf(coupon, offer.price * wish.quantity) : 0;
    show(this, '[data-part=coupon]', Boolean(coupon) && !out);
    const label = this.querySelector('[data-part=coupon] span');
    if (label && coupon) label.textContent = t('Use the coupon {code}', { code: coupon.code });
    const total = this.querySelector('[data-part=total] b');
    if (total) total.textContent = money(offer.price * wish.quantity - off, product.currency, words.locale);
    for (const part of ['reserve', 'total']) show(this, `[data-part=${part}]`, !out);
    show(this, '.qty', !out || !product.stopped);
    const reserve = this.#part('reserve'), wait = this.#part('wait'), waits = this.#waits.has(variant);
    if (wait) { wait.hidden = !out || product.stopped; wait.textContent = waits ? t('Stop waiting') : t('Sold out: tell me when one is free'); }
    for (const button of [reserve, wait]) if (button instanceof HTMLButtonElement) button.ariaDisabled = String(Boolean(why) || this.#busy);
    const line = this.#part('why');
    if (line) line.textContent = why || (out ? '' : t('It is held for you for a while. Nothing is paid yet.'));
  }

  /** @param {Reservation} held @param {Product} [product] */
  #drawHeld(held, product) {
    const { locale } = words, timer = this.#part('timer'), offline = Boolean(product?.offline), why = this.#offline();
    if (timer) { timer.dataset.until = String(held.until); tick(timer); }
    put(this, 'held-title', `${held.title} × ${words.number(held.quantity)}`);
    put(this, 'held-price', money(held.price * held.quantity, held.currency, locale));
    put(this, 'held-discount', `\u2066-\u2069${money(held.discount, held.currency, locale)}`);
    put(this, 'held-amount', money(held.amount, held.currency, locale));
    show(this, '[data-part=held-discount]', held.discount > 0);
    const label = this.querySelector('[data-part=checkout] span');
    if (label) label.textContent = offline ? t('Order now') : t('Go to the checkout');
    for (const name of ['checkout', 'release']) { const button = this.#part(name); if (button) button.ariaDisabled = String(Boolean(why) || this.#busy); }
    const line = this.#part('next');
    if (line) line.textContent = why || (offline ? t('You pay later: the host will contact you.') : t('You pay in the shop, which opens in a new tab.'));
  }

  /** @param {Product} product @returns {import('./offers.js').Wish} */
  #wish(product) {
    const variant = this.#variant, quantity = Math.max(1, Math.floor(Number(this.quantity?.value) || 1));
    const coupon = this.shop.coupon(product), uses = /** @type {HTMLInputElement | null} */ (this.form?.elements.namedItem('coupon'));
    const named = /** @type {HTMLInputElement | null} */ (this.form?.elements.namedItem('named'));
    return { product: product.id, variant, quantity, price: offerOf(product, variant).price, coupon: coupon && uses?.checked ? coupon.id : null, named: Boolean(named?.checked) };
  }

  /** Why nothing can be reserved now, or an empty text. @param {Product} product */
  #why(product) { return product.stopped ? t('Sales are paused. The shelf will say when they go on.') : this.#offline(); }

  #offline() { return room.connection.state === 'open' ? '' : t('There is no connection: buying waits until it is back. Nothing is sent by itself.'); }

  async #reserve() {
    const product = this.shop.products.get(this.shown ?? '');
    if (!product || this.#busy || this.#why(product)) return;
    if (!room.me) return room.takeName();
    const { coupon, ...wish } = this.#wish(product), key = this.#attempt.keyFor({ ...wish, coupon });
    const reply = await this.#ask('product.reserve', { ...wish, ...(coupon ? { coupon } : {}), key }, (error) => this.#refused(error));
    if (!reply) return;
    this.#attempt.decided();
    // An old answer to the same key: what it held has ended since.
    if (reply.reservation.state !== 'held') return this.#say(t('This was reserved already. Try once more.'));
    this.shop.hold(reply.reservation, coupon);
    this.#waits.delete(wish.variant);
    this.resume(reply.reservation);
    this.#say(t('It is held for you.'));
  }

  /** @param {import('../core/connection.js').Refused} error */
  #refused(error) {
    // Without an answer it may have been done: the same key asks for the same again.
    if (error.code === 'offline') { this.shop.refresh(0); return this.#say(t('No answer came. If it was reserved, it is shown here as soon as the connection is back.')); }
    this.#attempt.decided();
    if (error.code === 'sold_out' || error.code === 'expired') this.shop.refresh(0);
    this.#say(this.#text(error));
  }

  /** @param {import('../core/connection.js').Refused} error */
  #text(error) {
    const product = this.shop.products.get(this.shown ?? '');
    if (error.details.field === 'coupon') return t('The coupon cannot be used for this. Take out its tick to reserve without it.');
    switch (error.code) {
      case 'sold_out': return error.details.left > 0 ? tn('Only {n} is left: choose fewer.', 'Only {n} are left: choose fewer.', error.details.left) : t('Somebody was faster: it is sold out. You can wait for one to become free.');
      case 'limit_reached': return t('You have as many as one person may buy.');
      case 'expired': return typeof error.details.price === 'number' && product
        ? t('The price has changed: it is {price} now. Reserve again if you want it.', { price: money(error.details.price, product.currency, words.locale) })
        : t('The price has changed. Look at it again and reserve if you want it.');
      case 'unavailable': return t('Nothing can be reserved at the moment. Try again shortly; nothing was paid.');
      case 'duplicate_conflict': return t('This was reserved already. Try once more.');
      default: return refusalText(words, error);
    }
  }

  async #wait() {
    const product = this.shop.products.get(this.shown ?? '');
    if (!product || this.#busy || this.#why(product)) return;
    if (!room.me) return room.takeName();
    const { variant, quantity } = this.#wish(product), waits = this.#waits.has(variant);
    const reply = await this.#ask(waits ? 'product.leave' : 'product.wait', { product: product.id, variant, ...(waits ? {} : { quantity }) }, (error) => this.#say(this.#text(error)));
    if (!reply) return;
    if (waits) this.#waits.delete(variant); else this.#waits.add(variant);
    this.draw();
    if (waits) this.#say(t('You do not wait any more.'));
    else if (reply.place !== 0) this.#say(reply.place > 0 ? t('You are number {n} of those who wait. When one is free, it is held for you and you are told.', { n: reply.place }) : t('When one is free, it is held for you and you are told.'));
  }

  async #checkout() {
    const held = this.shop.holds.get(this.#hold ?? ''), offline = this.shop.products.get(this.shown ?? '')?.offline;
    if (!held || this.#busy || this.#offline()) return;
    // Opened by the press itself: browsers stop what opens later.
    const tab = offline ? null : window.open('', '_blank');
    const reply = await this.#ask('reservation.checkout', { id: held.id, product: held.product }, (error) => { tab?.close(); this.#say(this.#text(error)); });
    if (reply?.url) {
      if (tab) { tab.opener = null; tab.location.href = reply.url; } else location.assign(reply.url);
      this.#say(t('The checkout is open in another tab. What comes of it is shown here.'));
    } else if (reply) {
      tab?.close();
      if (reply.order) this.shop.change({ event: 'order.changed', order: reply.order });
    }
  }

  async #release() {
    const held = this.shop.holds.get(this.#hold ?? ''), product = this.shop.products.get(this.shown ?? '');
    if (!held || this.#busy || this.#offline()) return;
    const reply = await this.#ask('reservation.release', { id: held.id, product: held.product }, (error) => this.#say(this.#text(error)));
    if (!reply) return;
    this.#hold = null;
    this.shop.hold({ ...held, state: 'released' });
    this.#back(t('It was let go.'), product);
  }

  /** @param {string} cmd @param {Record<string, any>} args @param {(error: import('../core/connection.js').Refused) => void} refused */
  async #ask(cmd, args, refused) {
    this.#busy = true;
    this.draw();
    try { return await room.ask(cmd, args); } catch (error) { refused(/** @type {any} */ (error)); return null; } finally { this.#busy = false; this.draw(); }
  }

  /** From what was held to choosing again. @param {string} said @param {Product} [product] */
  #back(said, product) {
    const inside = this.dialog?.contains(document.activeElement);
    this.#hold = null;
    if (product && this.form && !this.form.querySelector('.var')) this.#variants(product);
    this.draw();
    this.#say(said);
    if (inside) this.#focus('buy-h');
  }

  /** @param {number} by */
  #step(by) {
    if (!this.quantity) return;
    const limit = Number(this.quantity.max) || 1;
    this.quantity.value = String(Math.min(limit, Math.max(1, (Number(this.quantity.value) || 1) + by)));
    this.draw();
  }

  /** @param {string} name @returns {HTMLElement | null} */
  #part(name) { return this.querySelector(`[data-part=${name}]`); }

  /** @param {string} name @param {() => void} act */
  #on(name, act) {
    // The second press of a double click meets a button that was not there at the first.
    this.#part(name)?.addEventListener('click', (event) => { if (event.detail < 2) act(); });
  }

  /** @param {string} id */
  #focus(id) { document.getElementById(id)?.focus(); }

  /** @param {string} text */
  #say(text) {
    const line = this.#part('said');
    if (line) line.textContent = text;
  }
}
