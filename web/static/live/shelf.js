/** What is sold in the room: the shelf, the pinned product, what the reader holds; the entry of all that sells. */
import { keepInStep } from '../core/lists.js';
import { kept, toast } from '../room/room.js';
import { BuySheet } from './buy.js';
import { fillOffer, put, tick } from './cards.js';
import { Gifts } from './gifts.js';
import { comments, isOver, page, room, words } from './main.js';
import { offerOf, restocked, worthSaying } from './offers.js';
import { orderText, purchaseText, spokenText } from './said.js';

/**
 * @typedef {import('../events').ProductInfo} Product
 * @typedef {import('../events').ReservationInfo} Reservation
 * @typedef {import('../core/connection.js').Body} Body
 */

const OVERDUE = 4000, SPREAD = 3000, SAVED_WITHIN = 30_000;
const { t, tc, tn } = words;

/** `<product-shelf>`: cards and rows that the server rendered, kept by what it tells. */
class ProductShelf extends HTMLElement {
  /** @type {Map<string, Product>} */ products = new Map();
  /** @type {Map<string, Reservation>} */ holds = new Map();
  /** When each came to be held, ms. @type {Map<string, number>} */ #since = new Map();
  /** @type {string | null} */ pinned = null;
  /** @type {any} */ #asking = null;
  #asked = 0;
  #hidden = '';
  #told = '';

  begin() {
    // Until the socket tells the server's time, the page's own is nearer to it than the reader's clock.
    if (room.connection.state !== 'open') room.connection.skew = page.now - Date.now();
    this.list = /** @type {HTMLElement} */ (this.querySelector('[data-part=products]'));
    this.shelf = /** @type {HTMLElement} */ (this.querySelector('[data-part=shelf]'));
    this.pin = /** @type {HTMLElement} */ (this.querySelector('[data-part=pin]'));
    this.#hidden = kept('pin-hidden') ?? '';
    for (const root of [this, this.shelf]) root.addEventListener('click', (event) => this.#clicked(event));
    this.querySelector('[data-part=hide-pin]')?.addEventListener('click', () => { this.#hidden = this.pinned ?? ''; kept('pin-hidden', this.#hidden); this.draw(); });
    this.take(page.shop);
    setInterval(() => this.#tick(), 1000);
  }

  /** Take what the server says all at once. @param {any} all as GET shelf gives it */
  take(all) {
    this.products = new Map(all.products.map((/** @type {Product} */ product) => [product.id, product]));
    this.pinned = all.pinned;
    // What was just reserved may not be saved yet, and is held all the same.
    const now = room.connection.now(), fresh = [...this.holds].filter(([id]) => now - (this.#since.get(id) ?? 0) < SAVED_WITHIN);
    this.holds = new Map([...fresh, ...all.reservations.map((/** @type {Reservation} */ held) => [held.id, held])]);
    gifts.take(all);
    this.draw();
  }

  /** Ask for all of it, not at the same moment as everybody else. @param {number} within ms */
  refresh(within) {
    if (this.#asking) return;
    this.#asking = setTimeout(async () => {
      try {
        const answer = await fetch(`/v1/rooms/${page.room.id}/shelf`, { credentials: 'same-origin' });
        if (answer.ok) this.take(await answer.json());
      } catch { /* Without a connection there is nothing newer to show; the next one asks again. */ }
      this.#asking = null;
    }, Math.random() * within);
  }

  /** @param {Body} body */
  change(body) {
    const known = this.products.get(body.product?.id ?? body.product ?? body.id);
    switch (body.event) {
      case 'product.pinned': this.products.set(body.product.id, body.product); this.pinned = body.product.id; break;
      case 'product.unpinned': if (this.pinned === body.id) this.pinned = null; break;
      case 'product.changed':
        this.products.set(body.product.id, body.product);
        // Only the whole shelf tells where a new one stands.
        if (!known) this.refresh(SPREAD);
        break;
      case 'product.removed': this.products.delete(body.id); break;
      case 'stock.changed': if (known) this.#restock(known, restocked(known, body)); break;
      case 'purchase.made': return this.#bought(body);
      case 'reservation.changed': return this.#held(body);
      case 'order.changed': return this.#ordered(body.order);
      case 'order.spoken': return this.#spoken(body);
      default: return gifts.change(body);
    }
    this.draw();
  }

  /** What the reader may use for a product. @param {Product} product */
  coupon(product) { return gifts.usable(product); }

  /** @param {Reservation} held @param {string | null} [coupon] what was used in it */
  hold(held, coupon = null) {
    if (held.state === 'held' && held.until > room.connection.now()) { this.holds.set(held.id, held); this.#since.set(held.id, room.connection.now()); }
    else if (this.holds.delete(held.id) && held.state !== 'ordered') gifts.free();
    if (coupon) gifts.use(coupon);
    this.draw();
  }

  draw() {
    const pinned = this.pinned ? this.products.get(this.pinned) : undefined;
    if (this.list) {
      keepInStep(this.list, [...this.products.values()], { key: (product) => product.id, make: () => this.#clone('row'), fill: (row, product) => {
        row.classList.toggle('on-pin', product.id === this.pinned);
        this.#fill(row, product, tc('shop', 'View'));
      } });
    }
    if (this.pin) {
      this.pin.hidden = !pinned || this.#hidden === pinned.id;
      if (pinned) this.#fill(this.pin, pinned, t('Buy'));
    }
    this.shelf?.toggleAttribute('hidden', !this.products.size);
    this.#drawHolds();
    for (const slot of document.querySelectorAll('[data-products]')) slot.textContent = words.number(this.products.size);
    for (const button of document.querySelectorAll('[data-part=open-shelf]')) button.toggleAttribute('hidden', !this.products.size);
    this.hidden = !this.products.size && !this.holds.size && !gifts.size;
    buy.draw();
  }

  /** @param {HTMLElement} row @param {Product} product @param {string} deed */
  #fill(row, product, deed) {
    row.dataset.id = product.id;
    const offer = fillOffer(row, product), out = offer.left === 0 && !product.stopped;
    put(row, 'deed', out ? t('Tell me') : deed);
    row.querySelector('.ghost')?.classList.toggle('off', out || product.stopped);
  }

  #drawHolds() {
    const list = /** @type {HTMLElement | null} */ (this.querySelector('[data-part=holds]')), all = [...this.holds.values()];
    if (!list) return;
    keepInStep(list, all, { key: (held) => held.id, make: () => this.#clone('hold'), fill: (row, held) => {
      put(row, 'title', `${held.title}${held.quantity > 1 ? ` × ${words.number(held.quantity)}` : ''}`);
      const clock = row.querySelector('[data-slot=clock]');
      if (clock instanceof HTMLElement) { clock.dataset.until = String(held.until); tick(clock); }
    } });
    list.hidden = all.length === 0;
  }

  /** @param {string} part @returns {HTMLElement} */
  #clone(part) {
    const template = /** @type {HTMLTemplateElement} */ (this.querySelector(`template[data-part=${part}]`));
    return /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
  }

  #tick() {
    const now = room.connection.now();
    for (const clock of document.querySelectorAll('[data-until]')) if (clock instanceof HTMLElement) tick(clock);
    // The server says what a moment changes; it is asked only when it says nothing.
    const late = [...this.products.values()].some((product) => { const at = offerOf(product).countTo; return at !== null && now > at + OVERDUE; });
    const over = [...this.holds.values()].filter((held) => now > held.until);
    for (const held of over) this.holds.delete(held.id);
    if (over.length) this.draw();
    if (late && now > this.#asked + 10 * OVERDUE && room.connection.state === 'open') { this.#asked = now; this.refresh(SPREAD); }
  }

  /** @param {Product} before @param {Product} after */
  #restock(before, after) {
    this.products.set(after.id, after);
    const left = offerOf(after).left;
    if (after.id !== this.pinned && after.id !== buy.shown) return;
    const slot = this.querySelector('[data-part=stock-said]');
    if (slot && worthSaying(offerOf(before).left, left)) slot.textContent = `${after.title}: ${left ? tn('{n} left', '{n} left', left) : t('Sold out')}`;
  }

  /** @param {Event} event */
  #clicked(event) {
    const button = event.target instanceof Element ? event.target.closest('button') : null;
    const row = /** @type {HTMLElement | null} */ (button?.closest('[data-id]')), id = row?.dataset.id ?? '';
    const held = this.holds.get(id);
    if (button && row?.matches('.hold') && held) buy.resume(held);
    else if (button?.dataset.deed === 'open') buy.open(id);
  }

  /** @param {import('../events').PurchaseMade} made */
  #bought(made) { this.#line(purchaseText(words, made)); }

  /** Put a line among the comments. @param {string} text @param {string} [look] */
  #line(text, look = '') {
    const row = /** @type {HTMLElement} */ (/** @type {HTMLTemplateElement} */ (document.getElementById('bought-row')).content.firstElementChild?.cloneNode(true));
    const slot = row.querySelector('span');
    if (slot) slot.textContent = text;
    if (look) row.classList.add(look);
    comments.list.push([{ id: '', epoch: 0, offset: 0, at: 0, author: { id: '', name: '', role: '' }, text, marker: text, row }]);
  }

  /** @param {import('../events').ReservationChanged} body */
  #held({ reservation, why }) {
    // What became an order is told by the order itself.
    if (reservation.state === 'ordered') return;
    const known = this.holds.has(reservation.id), shown = buy.held(reservation, why);
    this.hold(reservation);
    if (shown) return;
    const title = reservation.title;
    if (why === 'offered') toast(t('“{title}” is yours for a while: finish buying.', { title }));
    else if (known && reservation.state === 'expired') toast(t('“{title}” is not held for you any more.', { title }));
    else if (reservation.state === 'void') toast(t('“{title}” could not be kept for you.', { title }));
  }

  /** @param {import('../events').OrderInfo} order */
  #ordered(order) {
    // The host's own way of payment answers the command and tells it as well.
    const said = this.#told === order.id + order.state ? '' : orderText(words, order);
    this.#told = order.id + order.state;
    if (said && !buy.ordered(order, said)) toast(said);
    this.holds.delete(order.reservation);
    this.draw();
  }

  /** What became of an own comment that meant to buy; nobody else sees it. @param {import('../events').OrderSpoken} body */
  #spoken({ outcome, text, reservation }) {
    if (reservation) this.hold(reservation);
    this.#line(spokenText(words, outcome, text, reservation), 'own-ev');
  }
}

customElements.define('product-shelf', ProductShelf);
customElements.define('buy-sheet', BuySheet);
export const shop = /** @type {ProductShelf} */ (document.querySelector('product-shelf'));
const buy = /** @type {BuySheet} */ (document.querySelector('buy-sheet'));
const gifts = new Gifts(shop);
buy.begin(shop);
shop.begin();

/* The shelf stands beside the picture where there is room, otherwise in a sheet. */

const sheet = /** @type {HTMLDialogElement} */ (document.getElementById('shelf-sheet')), broad = matchMedia('(min-width: 1200px) and (min-height: 500px)');
function place() {
  if (shop.shelf) (broad.matches && !isOver() ? shop : sheet.querySelector('[data-part=place]'))?.append(shop.shelf);
  if (broad.matches && sheet.open) sheet.close();
}
broad.addEventListener('change', place);
place();
for (const button of document.querySelectorAll('[data-part=open-shelf]')) button.addEventListener('click', () => sheet.showModal());

const ABOUT = /^(product|stock|purchase|reservation|order|coupon|giveaway)\./;
const { connection } = room;
connection.on('items', (from, items) => { if (from === room.channel) for (const { body, at } of items) if (ABOUT.test(body.event) && (at > page.now || body.event === 'purchase.made')) shop.change(body); });
connection.on('now', (_, body) => { if (ABOUT.test(body.event)) shop.change(body); });
connection.on('state', () => buy.draw());
let joined = connection.state === 'open';
if (joined) shop.refresh(0);
connection.on('joined', (from, ok) => {
  // What is left passes by and is not kept: after every loss it is asked for.
  if (from === room.channel && (joined || !ok.recovered)) shop.refresh(ok.recovered ? SPREAD : SPREAD / 6);
  joined = true;
});
