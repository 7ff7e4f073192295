// Soft tones beside the words of an event: <main data-tone="taken|done|ask|warn">. Volume is the visitor's, 0 is silence.
const MELODIES = {
  taken: [[660, 0, 0.12]],
  done: [[523, 0, 0.16], [659, 0.16, 0.16], [784, 0.32, 0.3]],
  ask: [[523, 0, 0.2], [523, 0.3, 0.2]],
  warn: [[392, 0, 0.25], [330, 0.25, 0.35]],
}; // [hertz, begin seconds, seconds]
const LOUDEST = 0.5; // of what the device can
const STEPS = 4;

let context;

/** What everything that sounds is connected to, at the visitor's volume: even steps for the ear, not for the number. */
export function output() {
  context ??= new AudioContext();
  const gain = new GainNode(context, { gain: LOUDEST * (Number(document.documentElement.dataset.volume) / STEPS) ** 2 });
  gain.connect(context.destination);
  return { context, gain };
}

/** One of the melodies. */
export function play(name) {
  const melody = MELODIES[name];
  if (!melody || document.documentElement.dataset.volume === "0") return;
  const { context: sound, gain } = output();
  for (const [hertz, begin, seconds] of melody) {
    const at = sound.currentTime + begin;
    const swell = new GainNode(sound, { gain: 0 });
    swell.gain.setValueAtTime(0, at);
    swell.gain.linearRampToValueAtTime(0.6, at + 0.03);
    swell.gain.linearRampToValueAtTime(0, at + seconds);
    const tone = new OscillatorNode(sound, { type: "sine", frequency: hertz });
    tone.connect(swell).connect(gain);
    tone.start(at);
    tone.stop(at + seconds);
  }
}

function announce() {
  play(document.querySelector("main")?.dataset.tone);
}
document.addEventListener("screen", announce);
announce();
