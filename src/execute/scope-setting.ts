// Whether runs get a scope is a matter of the machine, not of a run: what ends leftovers of a dead runner knows no more
// of a run than its id.
let areUsed = false;

/** Says whether each command runs in a scope of systemd, as the configuration has it. */
export function useScopes(wanted: boolean): void {
  areUsed = wanted;
}

export function scopesAreUsed(): boolean {
  return areUsed;
}
