import { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { CHANNEL_DESCRIPTOR } from './child-messages.ts';

/**
 * The channel to a child process that was just started.
 *
 * @throws Error when it could not be made
 */
export function channelOf({ stdio }: { readonly stdio?: readonly unknown[] }): Socket {
  const channel = stdio?.[CHANNEL_DESCRIPTOR];
  if (!(channel instanceof Socket)) {
    throw new Error('expected a channel to it, but no further files can be opened');
  }
  return channel;
}

/** Resolves when the channel gives nothing any more; others may hold its other end, and say nothing. */
export async function hearAll(channel: Socket): Promise<void> {
  for (let heard = -1; !channel.destroyed && (channel.isPaused() || heard !== channel.bytesRead); ) {
    heard = channel.bytesRead;
    await setImmediate();
    await setImmediate();
  }
}
