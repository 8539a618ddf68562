/** The sheets of the selling part: adding products, a flash sale, a coupon, a giveaway, who bought. */
import { money, offerOf } from '../live/offers.js';
import { People } from './people.js';
import { problemText } from './problems.js';
import { fillOffer, put } from './rundown.js';

/** @typedef {import('./rundown.js').Product} Product */

/** Opens them, fills them and sends what they say. */
export class Sheets {
  /** The product that is spoken of. @type {Product | null} */ #product = null;
  /** @type {any} */ #typing = null;

  /**
   * @param {import('./selling.js').Stage} stage @param {import('./rundown.js').Rundown} rundown
   * @param {(product: string, what: string) => Promise<void>} act @param {() => void} refresh
   */
  constructor(stage, rundown, act, refresh) {
    this.stage = stage; this.rundown = rundown; this.act = act; this.refresh = refresh;
    this.people = new People(stage);
    for (const sheet of document.querySelectorAll('dialog.shop-s')) sheet.addEventListener('click', (event) => {
      if (sheet instanceof HTMLDialogElement && event.target instanceof Element && (event.target === sheet || event.target.closest('[data-close]'))) sheet.close();
    });
    for (const button of document.querySelectorAll('[data-sheet]')) button.addEventListener('click', () => this.open(button.getAttribute('data-sheet') ?? ''));
    rundown.list.addEventListener('click', (event) => {
      const menu = event.target instanceof Element ? event.target.closest('[data-do=menu]') : null, id = menu?.closest('li')?.dataset.id;
      if (id) this.#menu(id);
    });
    this.#dialog('line-menu').querySelector('.acts')?.addEventListener('click', (event) => {
      const what = event.target instanceof Element ? event.target.closest('button')?.dataset.do : null;
      if (!what || !this.#product) return;
      this.#dialog('line-menu').close();
      if (what === 'sale') this.#sale(this.#product);
      else if (what === 'people') void this.people.ofProduct(this.#product);
      else void this.act(this.#product.id, what);
    });
    this.#form('plan', async (form) => {
      const at = /** @type {HTMLInputElement} */ (form.elements.namedItem('at')).value;
      await stage.ask('rundown.plan', { broadcast: stage.broadcast.id, product: this.#product?.id, planned_at: at ? this.#planned(at) : null });
      this.refresh();
    });
    this.#form('sale', async (form, value) => {
      const reply = await stage.ask('sale.start', { product: this.#product?.id, price: value('price'), total: Number(value('total')), starts_in: Number(value('starts_in')), minutes: Number(value('minutes')), ...(value('per_person') ? { per_person: Number(value('per_person')) } : {}) });
      const { t, tn } = stage.words;
      stage.toast(reply.short > 0 ? tn('The sale promises {n} piece more than there is.', 'The sale promises {n} pieces more than there are.', reply.short) : t('The sale is set.'));
      form.reset();
    });
    this.#form('coupon', async (form, value) => {
      const product = value('product'), off = value('off').trim(), percent = /^([0-9]{1,3})\s*[%٪％]$/.exec(off.normalize('NFKC'));
      const currency = (product ? rundown.line(product) : rundown.lines[0])?.product.currency;
      await stage.ask('coupon.drop', { cap: Number(value('cap')), minutes: Number(value('minutes')), ...(value('code').trim() ? { code: value('code').trim() } : {}), ...(product ? { product } : {}), ...(percent ? { percent: Number(percent[1]) } : { amount: off, currency }) });
      form.reset();
    });
    this.#form('giveaway', async (form, value) => {
      await stage.ask('giveaway.open', { title: value('title'), winners: Number(value('winners')), seconds: Number(value('minutes')) * 60 });
      form.reset();
    });
    const find = /** @type {HTMLFormElement} */ (document.querySelector('form[data-find]'));
    find.addEventListener('submit', (event) => { event.preventDefault(); void this.#find(); });
    find.addEventListener('input', () => { clearTimeout(this.#typing); this.#typing = setTimeout(() => this.#find(), 250); });
  }

  /** @param {string} id */
  open(id) {
    const sheet = this.#dialog(id);
    if (id === 'add-sheet') void this.#find();
    if (id === 'orders-sheet') void this.people.orders();
    if (id === 'coupon-sheet') {
      const select = /** @type {HTMLSelectElement} */ (sheet.querySelector('[name=product]'));
      while (select.options.length > 1) select.remove(1);
      for (const { product } of this.rundown.lines) select.add(new Option(product.title, product.id));
    }
    sheet.querySelector('[data-error]')?.setAttribute('hidden', '');
    if (!sheet.open) sheet.showModal();
  }

  /** @param {string} id */
  #dialog(id) { return /** @type {HTMLDialogElement} */ (document.getElementById(id)); }

  /** @param {string} name @param {(form: HTMLFormElement, value: (name: string) => string) => Promise<void>} send */
  #form(name, send) {
    const form = /** @type {HTMLFormElement} */ (document.querySelector(`form[data-${name}]`)), error = form.querySelector('[data-error]');
    const button = /** @type {HTMLButtonElement} */ (form.querySelector('button:not([type])'));
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      if (button.disabled) return;
      button.disabled = true;
      error?.setAttribute('hidden', '');
      try {
        await send(form, (field) => String(new FormData(form).get(field) ?? ''));
        form.closest('dialog')?.close();
      } catch (problem) {
        const text = problemText(this.stage.words, problem);
        if (error) { error.textContent = text; error.removeAttribute('hidden'); } else this.stage.toast(text);
      } finally { button.disabled = false; }
    });
  }

  /** @param {string} id */
  #menu(id) {
    const line = this.rundown.line(id), sheet = this.#dialog('line-menu');
    if (!line) return;
    this.#product = line.product;
    const heading = sheet.querySelector('h2'), at = /** @type {HTMLInputElement} */ (sheet.querySelector('[name=at]')), date = new Date(line.planned_at ?? 0);
    if (heading) heading.textContent = line.product.title;
    at.value = line.planned_at === null ? '' : `${String(date.getHours()).padStart(2, '0')}:${String(date.getMinutes()).padStart(2, '0')}`;
    for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (sheet.querySelectorAll('.acts button'))) {
      const what = button.dataset.do ?? '';
      /** @type {HTMLElement} */ (button.parentElement).hidden = (what === 'sale' && line.product.sale !== null) || (['up', 'down', 'remove'].includes(what) && !line.planned);
    }
    /** @type {HTMLElement} */ (sheet.querySelector('[data-plan]')).hidden = !line.planned;
    sheet.showModal();
  }

  /** The moment of a time of day, near the start of the broadcast. @param {string} at HH:MM */
  #planned(at) {
    const [hours, minutes] = at.split(':').map(Number), start = this.stage.broadcast.starts_at, date = new Date(start);
    date.setHours(hours, minutes, 0, 0);
    if (date.getTime() < start - 12 * 3600_000) date.setDate(date.getDate() + 1);
    return date.getTime();
  }

  /** @param {Product} product */
  #sale(product) {
    const sheet = this.#dialog('sale-sheet'), { words } = this.stage, prices = product.variants.map((each) => each.price);
    const stock = product.variants.reduce((sum, each) => sum + each.left + each.in_carts, 0), total = /** @type {HTMLInputElement} */ (sheet.querySelector('[name=total]'));
    put(sheet, 'title', product.title);
    put(sheet, 'normal', words.t('Now {price}', { price: money(Math.min(...prices), product.currency, words.locale) }));
    const say = () => put(sheet, 'stock', Number(total.value) > stock ? words.tn('Only {n} is in stock.', 'Only {n} are in stock.', stock) : words.tn('{n} in stock', '{n} in stock', stock));
    total.oninput = say;
    say();
    this.open('sale-sheet');
  }

  async #find() {
    const sheet = this.#dialog('add-sheet'), { stage } = this, list = /** @type {HTMLElement} */ (sheet.querySelector('[data-finds]'));
    const text = /** @type {HTMLInputElement} */ (sheet.querySelector('[name=text]')).value;
    const blank = /** @type {HTMLTemplateElement} */ (sheet.querySelector('template[data-found]'));
    const found = await stage.ask('product.find', { text }).catch((error) => { stage.refused(error); return null; });
    if (!found) return;
    list.replaceChildren(...found.products.map((/** @type {Product} */ product) => {
      const row = /** @type {HTMLElement} */ (blank.content.firstElementChild?.cloneNode(true)), button = /** @type {HTMLButtonElement} */ (row.querySelector('button'));
      fillOffer(row, product, stage.words);
      if (offerOf(product).differs) put(row, 'price', stage.words.t('From {price}', { price: money(offerOf(product).price, product.currency, stage.words.locale) }));
      this.#added(button, Boolean(this.rundown.line(product.id)?.planned), product);
      button.addEventListener('click', () => stage.ask('rundown.add', { broadcast: stage.broadcast.id, product: product.id })
        .then(() => { this.#added(button, true, product); this.refresh(); }, (error) => stage.toast(problemText(stage.words, error))));
      return row;
    }));
    sheet.querySelector('[data-nothing]')?.toggleAttribute('hidden', found.products.length > 0);
  }

  /** @param {HTMLButtonElement} button @param {boolean} there @param {Product} product */
  #added(button, there, product) {
    const { t } = this.stage.words;
    put(button, 'add', there ? t('In the rundown') : t('Add'));
    button.setAttribute('aria-label', there ? t('{title} is in the rundown', { title: product.title }) : t('Add {title}', { title: product.title }));
    button.setAttribute('aria-disabled', String(there));
  }
}
