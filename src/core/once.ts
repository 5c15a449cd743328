/**
 * A function that calls `load` the first time and returns that result ever after. For dynamic imports: asking the loader
 * again for a module that is there costs more than many a task.
 */
export function once<T>(load: () => T): () => T {
  let loaded: { readonly value: T } | undefined;
  return () => {
    loaded ??= { value: load() };
    return loaded.value;
  };
}
