/** Finds the same text from many people, so that a raid is one row and not fourteen. */

/** @typedef {{key: string, text: string, at: number, ids: string[], people: Set<string>, shown?: number}} Group */

const SHORTEST = 10, MOST = 500;

/** @param {string} text */
export function sameAs(text) {
  return text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();
}

export class Repeats {
  /** @type {Map<string, Group & {last: number}>} */ #groups = new Map();

  /** @param {{within?: number, least?: number, people?: number}} [how] */
  constructor({ within = 60_000, least = 4, people = 3 } = {}) {
    this.within = within; this.least = least; this.people = people;
  }

  /** Take a message; gives the group that it belongs to once that is one. @param {{id: string, text: string, at: number, author: {id: string}}} line @returns {Group | null} */
  add({ id, text, at, author }) {
    const key = sameAs(text);
    if (key.length < SHORTEST) return null;
    let group = this.#groups.get(key);
    if (!group || at - group.last > this.within) {
      group = { key, text, at, last: at, ids: [], people: new Set() };
    }
    this.#groups.delete(key);
    this.#groups.set(key, group);
    group.last = at;
    group.ids.push(id);
    group.people.add(author.id);
    if (this.#groups.size > MOST) for (const old of this.#groups.keys()) { this.#groups.delete(old); break; }
    return group.ids.length >= this.least && group.people.size >= this.people ? group : null;
  }

  /** @param {string} key */
  of(key) { return this.#groups.get(key); }

  /** The group was dealt with; the same text begins anew. @param {string} key */
  forget(key) { this.#groups.delete(key); }
}
