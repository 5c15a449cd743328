import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const USAGE = fileURLToPath(new URL('./report-usage.js', import.meta.url));

/**
 * @typedef {{ wallMs: number, peakKiB: number }} Sample
 * @typedef {{ name: string, args: string[], before?: () => void }} Side
 */

/**
 * Runs two whole Node processes in turn, A B A B …, so that a machine that slows down slows both, and returns the
 * medians of each and the ratios of the medians A / B.
 *
 * @param {Side} a
 * @param {Side} b
 * @param {number} count
 */
export async function compare(a, b, count) {
  await sample(a);
  await sample(b);
  /** @type {Sample[]} */
  const samplesA = [];
  /** @type {Sample[]} */
  const samplesB = [];
  for (let round = 0; round < count; round += 1) {
    samplesA.push(await sample(a));
    samplesB.push(await sample(b));
  }
  const wallA = median(samplesA.map(({ wallMs }) => wallMs));
  const wallB = median(samplesB.map(({ wallMs }) => wallMs));
  const peakA = median(samplesA.map(({ peakKiB }) => peakKiB));
  const peakB = median(samplesB.map(({ peakKiB }) => peakKiB));
  return { wallA, wallB, wall: wallA / wallB, peakA, peakB, peak: peakA / peakB };
}

/**
 * @param {Side} side
 * @returns {Promise<Sample>}
 */
function sample({ name, args, before }) {
  before?.();
  return new Promise((resolve, reject) => {
    const start = process.hrtime.bigint();
    const child = spawn(process.execPath, ['--import', USAGE, ...args], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    let usage = '';
    let errors = '';
    child.stdio[3]?.on('data', (chunk) => {
      usage += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      errors += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      const wallMs = Number(process.hrtime.bigint() - start) / 1e6;
      code === 0
        ? resolve({ wallMs, peakKiB: Number(usage) })
        : reject(new Error(`${name} ended with ${code}: ${errors}`));
    });
  });
}

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
