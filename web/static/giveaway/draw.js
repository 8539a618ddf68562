/** The draw of a giveaway, as anybody can compute it again. */

/**
 * @typedef {{commitment: string, seed: string, entries_digest: string, people: string[],
 *   won: {person: string}[], winners: number}} Proof
 *   bytes are hexadecimal
 */

const bytes = new TextEncoder();

/** @param {...Uint8Array<ArrayBuffer>} parts */
async function sha256(...parts) {
  const all = await new Blob(parts).arrayBuffer();
  return new Uint8Array(await crypto.subtle.digest('SHA-256', all));
}

/** @param {Uint8Array} digest */
const hex = (digest) => [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** @param {string} text */
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** Tell whether a seed is the promised one and draws these winners. @param {Proof} proof */
export async function verified({ commitment, seed, entries_digest, people, won, winners }) {
  const secret = unhex(seed), sorted = [...new Set(people)].sort();
  const digest = await sha256(bytes.encode(sorted.map((person) => `${person}\n`).join('')));
  const scores = await Promise.all(sorted.map(async (person) => ({ person, score: hex(await sha256(secret, digest, bytes.encode(person))) })));
  scores.sort((a, b) => (a.score < b.score ? -1 : 1));
  return hex(await sha256(secret)) === commitment && hex(digest) === entries_digest && sorted.length === people.length
    && won.length === Math.min(winners, sorted.length) && won.every(({ person }, place) => person === scores[place].person);
}
