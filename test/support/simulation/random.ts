/** Draws that a seed decides: the same seed gives the same draws, in the same order. */
export type Random = {
  /** A whole number, both bounds included. */
  readonly whole: (least: number, most: number) => number;
  readonly chance: (share: number) => boolean;
  readonly pick: <T>(choices: readonly T[]) => T;
};

export function createRandom(seed: number): Random {
  let state = mixed(seed);
  const next = (): number => {
    state = (state + 0x9e37_79b9) >>> 0;
    return mixed(state) / 2 ** 32;
  };
  const whole = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1));
  return {
    whole,
    chance: (share) => next() < share,
    pick<T>(choices: readonly T[]): T {
      const choice = choices[whole(0, choices.length - 1)];
      if (choice === undefined) {
        throw new Error('expected something to choose from, got nothing');
      }
      return choice;
    },
  };
}

/** Draws that depend on the seed and the text alone, whenever and however often one asks. */
export function randomOf(seed: number, text: string): Random {
  let state = seed >>> 0;
  for (const character of text) {
    state = mixed(state ^ (character.codePointAt(0) ?? 0));
  }
  return createRandom(state);
}

/** What is tried when nobody asks for anything else: the same worlds each time. */
const USUAL_SEED = 20_260_328;

/**
 * The seed that `SIMULATION_SEED` names, so that a failure can be repeated; `random` is a new one each time, by which
 * further worlds are tried.
 */
export function seedOf(environment: Readonly<Record<string, string | undefined>>): number {
  const text = environment['SIMULATION_SEED'] ?? '';
  if (text === '') {
    return USUAL_SEED;
  }
  if (text === 'random') {
    return Math.floor(Math.random() * 2 ** 31);
  }
  if (!/^\d{1,10}$/.test(text)) {
    throw new Error(`expected SIMULATION_SEED to be a whole number or "random", got ${JSON.stringify(text)}`);
  }
  return Number(text);
}

function mixed(value: number): number {
  let bits = (value ^ (value >>> 16)) >>> 0;
  bits = Math.imul(bits, 0x21f0_aaad) >>> 0;
  bits = (bits ^ (bits >>> 15)) >>> 0;
  bits = Math.imul(bits, 0x735a_2d97) >>> 0;
  return (bits ^ (bits >>> 15)) >>> 0;
}
