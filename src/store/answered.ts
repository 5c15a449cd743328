/** The error of a call that the server never answered. */
export class UnansweredError extends Error {
  override readonly name = 'UnansweredError';
}

/** The call, or an {@link UnansweredError} when it takes longer than the limit. What comes later goes unheard. */
export function answered<T>(call: Promise<T>, limitMs: number, who = 'the server'): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new UnansweredError(`${who} gave no answer for ${limitMs / 1_000} s`)),
      limitMs,
    );
    const settle = <V>(then: (value: V) => void) => {
      return (value: V) => {
        clearTimeout(timer);
        then(value);
      };
    };
    call.then(settle(resolve), settle(reject));
  });
}
