/** The picture: plays what the browser can, says when it cannot, and carries hearts, counts and the countdown. */

/**
 * @typedef {import('../core/i18n.js').Words} Words
 * @typedef {{id: string, title: string, state: string, starts_at: number, started_at: number | null,
 *   video: {kind: string, url: string, upright: boolean}, poster: string}} Broadcast
 */

const MOST_HEARTS = 12, HEART_MS = 2600, STALLED_MS = 1500, BEHIND_S = 12, RETRIES = 5;

/** `<live-stage>`: frame, controls and cards that the server rendered; `data-state` and `data-video` say what is seen. */
export class Stage extends HTMLElement {
  /** @type {HTMLVideoElement | null} */ #video = null;
  /** @type {any} */ #stall = null;
  /** @type {any} */ #tick = null;
  words = /** @type {Words} */ (/** @type {unknown} */ (null));
  now = Date.now;
  #tries = 0;
  #taps = 0;
  #ownHearts = 0;
  #alive = 0;

  /** @param {{words: Words, now: () => number, broadcast: Broadcast | null, heart: (count: number) => void}} how */
  begin({ words, now, broadcast, heart }) {
    this.words = words; this.now = now; this.broadcast = broadcast; this.heart = heart;
    this.#on('sound', () => this.#sound());
    this.#on('full', () => this.#full());
    this.#on('edge', () => this.#toEdge());
    this.#on('retry', () => { this.#tries = 0; this.#load(); });
    this.#on('tap', () => this.#pause());
    for (const button of document.querySelectorAll('[data-part=heart]')) button.addEventListener('click', () => this.#tapHeart());
    document.addEventListener('visibilitychange', () => { if (!document.hidden && this.#following()) this.#toEdge(); });
    this.show(broadcast);
  }

  /** @param {Broadcast | null} broadcast */
  show(broadcast) {
    clearInterval(this.#tick);
    this.broadcast = broadcast;
    const state = broadcast?.state ?? 'none';
    this.dataset.state = state;
    if (state === 'scheduled') this.#count();
    const video = this.querySelector('video');
    if (state === 'live' && video && video !== this.#video) this.#play(video);
    if (state !== 'live') { this.#video?.pause(); this.dataset.video = ''; }
  }

  /** @param {number} count */
  watching(count) {
    for (const slot of document.querySelectorAll('[data-viewers]')) slot.textContent = this.words.number(count);
    for (const slot of document.querySelectorAll('[data-has-viewers]')) if (slot instanceof HTMLElement) slot.hidden = false;
  }

  /** @param {number} hearts of the last second @param {number} total */
  reacted(hearts, total) {
    for (const slot of document.querySelectorAll('[data-hearts]')) slot.textContent = this.words.compact(total);
    const others = Math.max(0, hearts - this.#ownHearts);
    this.#ownHearts = Math.max(0, this.#ownHearts - hearts);
    for (let i = 0; i < Math.min(others, 6); i++) setTimeout(() => this.#float(), i * 160);
  }

  /** @param {string} name @param {() => void} act */
  #on(name, act) { for (const button of this.querySelectorAll(`[data-part=${name}]`)) button.addEventListener('click', act); }

  /** @param {string} name @returns {HTMLElement | null} */
  #part(name) { return this.querySelector(`[data-part=${name}]`); }

  /** @param {HTMLVideoElement} video */
  #play(video) {
    this.#video = video;
    video.addEventListener('playing', () => { this.#tries = 0; this.#video_('playing'); });
    video.addEventListener('timeupdate', () => { if (this.dataset.video === 'stalled') this.#video_('playing'); this.#edge(); });
    for (const name of ['waiting', 'stalled']) video.addEventListener(name, () => this.#stalled());
    video.addEventListener('pause', () => { if (!video.ended && this.broadcast?.state === 'live') this.#video_('paused'); });
    video.addEventListener('error', () => this.#failed());
    video.addEventListener('volumechange', () => this.#soundLook());
    video.addEventListener('loadedmetadata', () => this.#toEdge(), { once: true });
    this.#load();
  }

  #load() {
    const video = this.#video, source = this.broadcast?.video;
    if (!video || !source) return;
    if (source.kind === 'hls' && !video.canPlayType('application/vnd.apple.mpegurl')) return this.#video_('unplayable');
    this.#video_('loading');
    if (this.#tries > 0 || !video.currentSrc) { video.src = source.url; video.load(); }
    video.muted = !wantsSound();
    this.#start(video);
  }

  /** @param {HTMLVideoElement} video */
  #start(video) {
    video.play().catch((error) => {
      if (error.name !== 'NotAllowedError') return;
      if (video.muted) return this.#video_('paused');
      // Browsers let a page begin by itself only without sound.
      video.muted = true;
      this.#start(video);
    });
    this.#soundLook();
  }

  /** @param {string} state */
  #video_(state) {
    clearTimeout(this.#stall);
    this.dataset.video = state;
    const tap = this.#part('tap'), { t } = this.words;
    tap?.setAttribute('aria-label', state === 'paused' ? t('Play') : t('Pause'));
    this.#edge();
  }

  #stalled() {
    if (this.dataset.video !== 'playing' && this.dataset.video !== 'loading') return;
    clearTimeout(this.#stall);
    this.#stall = setTimeout(() => this.#video_('stalled'), STALLED_MS);
  }

  #failed() {
    if (this.broadcast?.state !== 'live') return;
    if (++this.#tries > RETRIES) return this.#video_('error');
    this.#video_('stalled');
    this.#stall = setTimeout(() => this.#load(), 1000 * this.#tries);
  }

  #pause() {
    const video = this.#video;
    if (!video) return;
    if (video.paused) { this.#toEdge(); this.#start(video); } else video.pause();
  }

  #sound() {
    const video = this.#video;
    if (!video) return;
    video.muted = !video.muted;
    try { localStorage.setItem('hiroba:sound', video.muted ? 'off' : 'on'); } catch { /* Only remembered where it may be. */ }
    if (video.paused) this.#start(video);
  }

  #soundLook() {
    this.toggleAttribute('data-muted', Boolean(this.#video?.muted));
  }

  /** Where everybody else is, in s; a file is a loop that began with the broadcast. */
  #live() {
    const video = this.#video, started = this.broadcast?.started_at;
    if (!video) return null;
    if (this.broadcast?.video.kind === 'file' && started && Number.isFinite(video.duration) && video.duration > 0) {
      return ((this.now() - started) / 1000) % video.duration;
    }
    return video.seekable.length ? video.seekable.end(video.seekable.length - 1) : null;
  }

  #following() { return Boolean(this.#video && !this.#video.paused); }

  #toEdge() {
    const video = this.#video, live = this.#live();
    if (!video || live === null || Math.abs(live - video.currentTime) < 3) return;
    video.currentTime = this.broadcast?.video.kind === 'file' ? live : Math.max(0, live - 3);
  }

  #edge() {
    const live = this.#live(), video = this.#video, edge = this.#part('edge');
    if (!video || !edge) return;
    const loop = this.broadcast?.video.kind === 'file' && Number.isFinite(video.duration) ? video.duration : Infinity;
    const apart = live === null ? 0 : Math.abs(live - video.currentTime);
    edge.classList.toggle('behind', this.dataset.video === 'paused' || Math.min(apart, loop - apart) > BEHIND_S);
  }

  #full() {
    const video = /** @type {any} */ (this.#video);
    if (document.fullscreenElement) void document.exitFullscreen();
    else if (this.requestFullscreen) void this.requestFullscreen().catch(() => {});
    else video?.webkitEnterFullscreen?.();
  }

  #tapHeart() {
    this.#float();
    if (this.#taps++ > 0) return;
    setTimeout(() => { this.heart?.(Math.min(this.#taps, 20)); this.#ownHearts += this.#taps; this.#taps = 0; }, 600);
  }

  #float() {
    const layer = this.#part('floats');
    if (!layer || document.hidden || this.#alive >= MOST_HEARTS || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    const heart = /** @type {HTMLElement} */ (layer.querySelector('template')?.content.firstElementChild?.cloneNode(true));
    heart.style.setProperty('--x', `${Math.round(Math.random() * 30 - 8)}px`);
    heart.style.setProperty('--s', (0.7 + Math.random() * 0.5).toFixed(2));
    heart.style.setProperty('--d', `${Math.round(Math.random() * 28 - 14)}px`);
    this.#alive++;
    layer.append(heart);
    setTimeout(() => { heart.remove(); this.#alive--; }, HEART_MS);
  }

  #count() {
    const slot = this.#part('countdown'), at = this.broadcast?.starts_at;
    const show = () => {
      const left = Math.max(0, Math.floor(((at ?? 0) - this.now()) / 1000));
      if (slot) slot.textContent = left ? countdown(left, this.words) : this.words.t('Starting soon');
    };
    show();
    this.#tick = setInterval(show, 1000);
  }
}

/** Write seconds as 04:32 or 3:04:32, days in words. @param {number} left @param {Words} words */
export function countdown(left, words) {
  const [days, hours, minutes, seconds] = [Math.floor(left / 86400), Math.floor(left / 3600) % 24, Math.floor(left / 60) % 60, left % 60];
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const clock = days || hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${two(minutes)}:${two(seconds)}`;
  if (!days) return clock;
  const said = words.tn('{n} day', '{n} days', days);
  return `${said} ${clock}`;
}

function wantsSound() { try { return localStorage.getItem('hiroba:sound') === 'on'; } catch { return false; } }
