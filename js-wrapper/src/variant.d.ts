/** Whether this is `headwater/full`; the build puts `true` or `false` in its place (`tools/build-package.mjs`). */
declare const FULL: boolean
