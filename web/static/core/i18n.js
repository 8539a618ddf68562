/** What changes live, in the reader's words: sentences, numbers, times, and what is read aloud. */

/**
 * @typedef {(message: string, values?: Record<string, string | number>) => string} Say
 * @typedef {{
 *   t: Say,
 *   tc: (context: string, message: string, values?: Record<string, string | number>) => string,
 *   tn: (singular: string, plural: string, n: number, values?: Record<string, string | number>) => string,
 *   number: (n: number) => string, compact: (n: number) => string, locale: string
 * }} Words
 */

/**
 * Make the speaking functions from what the server put into the page.
 * @param {string} locale BCP 47, like "ar-u-nu-latn"
 * @param {Record<string, string | Partial<Record<Intl.LDMLPluralRule, string>>>} messages
 * @returns {Words}
 */
export function translator(locale, messages) {
  const rules = new Intl.PluralRules(locale), plain = new Intl.NumberFormat(locale);
  const short = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 });
  /** @param {string} text @param {Record<string, string | number>} values */
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === 'number' ? plain.format(value) : String(value ?? '');
  });
  /** @param {string} key @param {string} otherwise */
  const found = (key, otherwise) => {
    const text = messages[key];
    return typeof text === 'string' ? text : otherwise;
  };
  return {
    locale,
    t: (message, values = {}) => fill(found(message, message), values),
    tc: (context, message, values = {}) => fill(found(`${context}\u0004${message}`, message), values),
    tn: (singular, plural, n, values = {}) => {
      const forms = messages[singular];
      const text = typeof forms === 'object' ? forms[rules.select(n)] ?? forms.other : undefined;
      return fill(text ?? (n === 1 ? singular : plural), { n, ...values });
    },
    number: (n) => plain.format(n),
    compact: (n) => short.format(n),
  };
}

/** Read the page's own block of words; English without one. @param {Document} page */
export function wordsOf(page) {
  const block = page.getElementById('words');
  const said = block ? JSON.parse(block.textContent ?? '{}') : {};
  return translator(said.locale ?? page.documentElement.lang ?? 'en', said.messages ?? {});
}

/** @type {Record<string, Intl.DateTimeFormatOptions>} */
const FORMS = {
  time: { hour: 'numeric', minute: '2-digit' },
  date: { day: 'numeric', month: 'short' },
  day: { weekday: 'short', day: 'numeric', month: 'short' },
  weekday: { weekday: 'short' },
  month: { month: 'short' },
  zone: { timeZoneName: 'short' },
};
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const SPANS = [['year', 31536e6], ['month', 2592e6], ['day', 864e5], ['hour', 36e5], ['minute', 6e4]];

/**
 * Write one moment.
 * @param {string} locale @param {number} at ms since 1970 @param {string} form of FORMS, or "ago"
 */
export function moment(locale, at, form, now = Date.now()) {
  const date = new Date(at);
  if (form === 'ago') {
    const [unit, span] = SPANS.find(([, ms]) => Math.abs(now - at) >= ms) ?? ['minute', 6e4];
    return new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(Math.round((at - now) / span), unit);
  }
  const parts = new Intl.DateTimeFormat(locale, FORMS[form]);
  if (form !== 'zone') return parts.format(date);
  return parts.formatToParts(date).find((part) => part.type === 'timeZoneName')?.value ?? '';
}

/** Write every `<time data-form>` below `root` in the reader's own zone. @param {ParentNode} root */
export function localTimes(root, locale = document.documentElement.lang) {
  for (const element of root.querySelectorAll('time[data-form]')) {
    const form = element.getAttribute('data-form') ?? '', at = Date.parse(element.getAttribute('datetime') ?? '');
    if ((form === 'ago' || form in FORMS) && !Number.isNaN(at)) element.textContent = moment(locale, at, form);
  }
}

/** Tell the server the reader's zone, for the next page. */
export function rememberZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.includes(`tz=${zone}`)) document.cookie = `tz=${zone}; path=/; max-age=31536000; samesite=lax`;
}

/**
 * Speak for a fast feed: a visually hidden polite region that gets one short
 * summary at most every `every` ms, instead of every row.
 * @param {HTMLElement} region element with role="status"
 * @param {{every?: number, now?: () => number, later?: (run: () => void, ms: number) => void}} [options]
 */
export function announcer(region, { every = 10_000, now = () => performance.now(), later = (run, ms) => void setTimeout(run, ms) } = {}) {
  let last = -Infinity, waiting = /** @type {string | null} */ (null), armed = false;
  const speak = () => { armed = false; if (waiting === null) return; region.textContent = waiting; waiting = null; last = now(); };
  /** @param {string} text @param {{urgent?: boolean}} [how] */
  return (text, { urgent = false } = {}) => {
    waiting = text;
    if (urgent) return speak();
    if (!armed) { armed = true; later(speak, Math.max(0, every - (now() - last))); }
  };
}
