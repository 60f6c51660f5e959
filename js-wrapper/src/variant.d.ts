// The build puts `true` or `false` in the place of these (`tools/build-package.mjs`).

/** Whether this is `headwater/full`. */
declare const FULL: boolean
/** Whether it speaks more than OTLP as protobuf: `headwater/full` and `headwater/elastic`. */
declare const PROTOCOLS: boolean
