// Importing these by name lets the bundle leave the rest of zod away; a dynamic import of zod itself would keep it all.
export { safeParseAsync, toJSONSchema } from 'zod/v4/core';
