;; Turns the text that `scripts/wasm-text.mjs` makes of a binary into its bytes, where it stands. A loop in
;; JavaScript, which runs once and cold, takes twice as long.
(module
  (import "" "memory" (memory 1))

  ;; The digit at a place: 0 to 92 are the printable characters from 32 on, but for 34 and 92.
  (func $digit (param $at i32) (result i32)
    (local $code i32)
    (i32.sub (i32.sub (i32.sub
      (local.tee $code (i32.load8_u (local.get $at)))
      (i32.const 32))
      (i32.gt_u (local.get $code) (i32.const 34)))
      (i32.gt_u (local.get $code) (i32.const 92))))

  ;; The text begins at 0 and ends before the first zero. Gives back the number of bytes.
  (func (export "decode") (result i32)
    (local $at i32) (local $length i32) (local $byte i32)
    (loop $next
      (local.set $byte (call $digit (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (if (i32.gt_u (local.get $byte) (i32.const 90))
        (then
          ;; 91 + (first - 91) * 93 + second
          (local.set $byte (i32.add
            (i32.sub (i32.mul (local.get $byte) (i32.const 93)) (i32.const 8372))
            (call $digit (local.get $at))))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))))
      (i32.store8 (local.get $length) (local.get $byte))
      (local.set $length (i32.add (local.get $length) (i32.const 1)))
      (br_if $next (i32.load8_u (local.get $at))))
    (local.get $length)))
