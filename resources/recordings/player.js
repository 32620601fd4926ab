/* Plays a recording: both sides or one of them, faster and slower. A ticket is asked for when somebody wants to hear it, not before. */
window.o2gPlayer = (function () {
  'use strict';

  /** Two failures nearer than this are one that another ticket doesn't mend. */
  const HOPELESS_MS = 5000;

  /**
   * How the two sides of a recording go to the two ears: each to its own, or the only one that is wanted to both.
   * @returns sets which sides are heard
   */
  function mixer(audio) {
    const context = new AudioContext();
    const splitter = context.createChannelSplitter(2);
    const merger = context.createChannelMerger(2);
    context.createMediaElementSource(audio).connect(splitter);
    const gains = [0, 1].map((side) =>
      [0, 1].map((ear) => {
        const gain = context.createGain();
        splitter.connect(gain, side).connect(merger, 0, ear);
        return gain.gain;
      }),
    );
    merger.connect(context.destination);
    return (heard) => {
      void context.resume();
      const alone = heard.filter(Boolean).length === 1;
      gains.forEach((ears, side) =>
        ears.forEach((gain, ear) => {
          gain.value = heard[side] && (alone || side === ear) ? 1 : 0;
        }),
      );
    };
  }

  /**
   * @param ticketFor asks for a ticket for a recording's id; its promise rejects with a sentence
   * @param onChange called whenever the position or the state is another one
   * @param onFailure called with a sentence, or with nothing when the browser has none
   */
  function make({ ticketFor, onChange, onFailure }) {
    const audio = new Audio();
    const heard = [true, true];
    let mix;
    let id;
    /** Where to go when the recording is there, in seconds. */
    let wanted = 0;
    let asked = 0;
    let failedAt = -Infinity;

    const isLoaded = () => audio.hasAttribute('src');
    const position = () => (audio.readyState > 0 ? audio.currentTime : wanted);

    async function load() {
      const mine = ++asked;
      const ticket = await ticketFor(id);
      if (mine !== asked) return false;
      audio.src = `o2g/tickets/${ticket}`;
      return true;
    }

    async function play() {
      try {
        mix ??= mixer(audio);
        mix(heard);
        const rate = audio.playbackRate;
        if (!isLoaded() && !(await load())) return;
        audio.playbackRate = rate;
        await audio.play();
      } catch (error) {
        // Another place, another recording or a pause came before it began to sound.
        if (error?.name !== 'AbortError') onFailure(typeof error === 'string' ? error : undefined);
      }
    }

    function failed() {
      if (!isLoaded()) return;
      wanted = position();
      audio.removeAttribute('src');
      const hopeless = performance.now() - failedAt < HOPELESS_MS;
      failedAt = performance.now();
      onChange();
      // A ticket ends when nobody has listened for a while.
      if (hopeless) onFailure(undefined);
      else void play();
    }

    audio.addEventListener('loadedmetadata', () => {
      if (wanted > 0) audio.currentTime = wanted;
    });
    audio.addEventListener('error', failed);
    for (const event of ['timeupdate', 'seeked', 'play', 'pause', 'ended', 'loadedmetadata'])
      audio.addEventListener(event, onChange);

    return {
      /** Another recording, from its beginning and silent. */
      show(recording) {
        asked += 1;
        id = recording;
        wanted = 0;
        failedAt = -Infinity;
        audio.pause();
        audio.removeAttribute('src');
        audio.load();
        onChange();
      },
      get playing() {
        return !audio.paused && !audio.ended;
      },
      /** Seconds. */
      get position() {
        return position();
      },
      get heard() {
        return heard;
      },
      toggle() {
        if (this.playing) audio.pause();
        else void play();
      },
      /** Goes on from there, in seconds, or waits there. */
      seek(seconds) {
        wanted = seconds;
        if (audio.readyState > 0) audio.currentTime = seconds;
        onChange();
      },
      /** @param side 0 what the device said, 1 what it heard */
      hear(side, on) {
        heard[side] = on;
        mix?.(heard);
        onChange();
      },
      speed(factor) {
        audio.defaultPlaybackRate = factor;
        audio.playbackRate = factor;
      },
    };
  }

  return { make };
})();
