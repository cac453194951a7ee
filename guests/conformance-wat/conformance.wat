;; A wasmflow guest written by hand, of no language and no SDK: what abi/SPEC.md asks for at least.
;; It offers the core of the conformance kit: echo, upper and drop-odd.
;;
;; Memory:  64          the output's header
;;          1024        the description
;;          65536       the region the host writes to, $size bytes
;;          behind it   the entries of the output, then its bytes
(module
  (memory (export "memory") 2)
  (global $size (mut i32) (i32.const 0))

  (data (i32.const 1024)
    "{\22name\22:\22conformance-wat\22,\22version\22:\221.0.0\22,\22functions\22:["
    "{\22name\22:\22echo\22,\22role\22:\22transform\22},"
    "{\22name\22:\22upper\22,\22role\22:\22transform\22},"
    "{\22name\22:\22drop-odd\22,\22role\22:\22transform\22}]}")

  (data (i32.const 2048) "the frame is damaged")
  (data (i32.const 2080) "there is no such function")
  (data (i32.const 2112) "there is no memory for the output")

  (func (export "wasmflow_abi_v1") (result i32) (i32.const 0))

  (func (export "wasmflow_describe") (result i64)
    (i64.or (i64.shl (i64.const 1024) (i64.const 32)) (i64.const 168)))

  ;; There are no settings, so none is looked at.
  (func (export "wasmflow_open") (param i32 i32) (result i64) (i64.const 0))

  ;; Has memory reach up to $end; 0 if there is not so much.
  (func $reaches (param $end i64) (result i32)
    (local $pages i64)
    (local.set $pages
      (i64.sub (i64.shr_u (i64.add (local.get $end) (i64.const 65535)) (i64.const 16))
               (i64.extend_i32_u (memory.size))))
    (if (i64.le_s (local.get $pages) (i64.const 0)) (then (return (i32.const 1))))
    (if (i64.gt_s (local.get $pages) (i64.const 65535)) (then (return (i32.const 0))))
    (i32.ne (memory.grow (i32.wrap_i64 (local.get $pages))) (i32.const -1)))

  (func (export "wasmflow_reserve") (param $n i32) (result i32)
    (global.set $size (i32.const 0))
    (if (i32.eqz (call $reaches (i64.add (i64.extend_i32_u (local.get $n)) (i64.const 65536))))
      (then (return (i32.const 0))))
    (global.set $size (local.get $n))
    (i32.const 65536))

  ;; A failure of the call: a status and a text.
  (func $refuse (param $status i32) (param $text i32) (param $length i32) (result i32)
    (memory.fill (i32.const 64) (i32.const 0) (i32.const 64))
    (i32.store (i32.const 64) (i32.const 64))
    (i32.store (i32.const 68) (local.get $status))
    (i32.store (i32.const 116) (local.get $text))
    (i32.store (i32.const 120) (local.get $length))
    (i32.const 64))

  ;; Whether there is a frame with records up to $first.
  (func $framed (param $first i32) (result i32)
    (if (i32.lt_u (global.get $size) (i32.const 96)) (then (return (i32.const 0))))
    (if (i32.lt_u (i32.load (i32.const 65556)) (i32.const 32)) (then (return (i32.const 0))))
    (i32.and
      (i32.and
        (i32.eq (i32.load (i32.const 65536)) (i32.const 0x31424657))
        (i32.le_u (i32.load (i32.const 65544)) (global.get $size)))
      (i32.and
        (i32.le_u (local.get $first) (i32.load (i32.const 65548)))
        (i64.le_u
          (i64.add (i64.load32_u (i32.const 65552))
                   (i64.mul (i64.load32_u (i32.const 65548)) (i64.load32_u (i32.const 65556))))
          (i64.load32_u (i32.const 65544))))))

  ;; Copies bytes, a-z as A-Z.
  (func $upper (param $from i32) (param $to i32) (param $n i32)
    (local $end i32) (local $c i32)
    (local.set $end (i32.add (local.get $from) (local.get $n)))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $from) (local.get $end)))
        (local.set $c (i32.load8_u (local.get $from)))
        (i32.store8 (local.get $to)
          (i32.sub (local.get $c)
            (i32.shl
              (i32.lt_u (i32.sub (local.get $c) (i32.const 97)) (i32.const 26))
              (i32.const 5))))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (br $next))))

  ;; Whether a value ends in an odd digit.
  (func $odd (param $value i32) (param $length i32) (result i32)
    (if (i32.eqz (local.get $length)) (then (return (i32.const 0))))
    (i32.and
      (i32.load8_u
        (i32.sub (i32.add (local.get $value) (local.get $length)) (i32.const 1)))
      (i32.const 1)))

  (func (export "wasmflow_process")
    (param $function i32) (param $first i32) (param $cursor i64) (result i32)
    (local $i i32) (local $count i32)
    (local $record i32) (local $value i32) (local $length i32) (local $flags i32)
    (local $entries i32) (local $entry i32) (local $bytes i32) (local $begin i32)
    (if (i32.eqz (call $framed (local.get $first)))
      (then (return (call $refuse (i32.const 1) (i32.const 2048) (i32.const 20)))))
    (if (i32.gt_u (local.get $function) (i32.const 2))
      (then (return (call $refuse (i32.const 2) (i32.const 2080) (i32.const 25)))))
    (local.set $i (local.get $first))
    (local.set $count (i32.load (i32.const 65548)))
    (local.set $entries
      (i32.and (i32.add (global.get $size) (i32.const 65543)) (i32.const -8)))
    (local.set $entry (local.get $entries))
    (local.set $begin
      (i32.add (local.get $entries)
        (i32.shl (i32.sub (local.get $count) (local.get $first)) (i32.const 5))))
    (local.set $bytes (local.get $begin))
    (if (i32.eqz (call $reaches (i64.extend_i32_u (local.get $begin))))
      (then (return (call $refuse (i32.const 3) (i32.const 2112) (i32.const 33)))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $count)))
        (i32.store (i32.const 65608) (local.get $i)) ;; the progress cell
        (local.set $record
          (i32.add (i32.add (i32.const 65536) (i32.load (i32.const 65552)))
                   (i32.mul (local.get $i) (i32.load (i32.const 65556)))))
        (local.set $length (i32.load offset=20 (local.get $record)))
        (local.set $value
          (i32.add (i32.const 65536) (i32.load offset=16 (local.get $record))))
        (if (i32.and (i32.load8_u offset=1 (local.get $record)) (i32.const 2))
          (then (local.set $length (i32.const 0)))
          (else
            (if (i32.and
                  (i32.ne (local.get $length) (i32.const 0))
                  (i64.gt_u
                    (i64.add (i64.load32_u offset=16 (local.get $record))
                             (i64.extend_i32_u (local.get $length)))
                    (i64.load32_u (i32.const 65544))))
              (then (return (call $refuse (i32.const 1) (i32.const 2048) (i32.const 20)))))))
        (local.set $flags (i32.const 15)) ;; everything as it is
        (block $passed
          (br_if $passed (i32.load8_u (local.get $record))) ;; another kind than data
          (if (i32.eq (local.get $function) (i32.const 2))
            (then (br_if $passed (call $odd (local.get $value) (local.get $length)))))
          (if (i32.and (i32.eq (local.get $function) (i32.const 1))
                       (i32.ne (local.get $length) (i32.const 0)))
            (then
              (local.set $flags (i32.const 13)) ;; all but the value
              (if (i32.eqz (call $reaches
                    (i64.add (i64.extend_i32_u (local.get $bytes))
                             (i64.extend_i32_u (local.get $length)))))
                (then (return (call $refuse (i32.const 3) (i32.const 2112) (i32.const 33)))))
              (call $upper (local.get $value) (local.get $bytes) (local.get $length))))
          (memory.fill (local.get $entry) (i32.const 0) (i32.const 32))
          (i32.store16 offset=2 (local.get $entry) (local.get $flags))
          (i32.store offset=4 (local.get $entry) (local.get $i))
          (if (i32.eq (local.get $flags) (i32.const 13))
            (then
              (i32.store offset=16 (local.get $entry) (local.get $bytes))
              (i32.store offset=20 (local.get $entry) (local.get $length))
              (local.set $bytes (i32.add (local.get $bytes) (local.get $length)))))
          (local.set $entry (i32.add (local.get $entry) (i32.const 32))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $done ;; enough bytes are written
          (i32.and (i32.ne (i32.load (i32.const 65604)) (i32.const 0))
            (i32.ge_u (i32.sub (local.get $bytes) (local.get $begin))
                      (i32.load (i32.const 65604)))))
        (br_if $next ;; there may be more entries
          (i32.or (i32.eqz (i32.load (i32.const 65600)))
            (i32.lt_u
              (i32.shr_u (i32.sub (local.get $entry) (local.get $entries)) (i32.const 5))
              (i32.load (i32.const 65600)))))))
    (i32.store (i32.const 65608) (i32.const -1))
    (drop (call $refuse (i32.const 0) (i32.const 0) (i32.const 0)))
    (i32.store (i32.const 72) (local.get $i))
    (i32.store (i32.const 88)
      (i32.shr_u (i32.sub (local.get $entry) (local.get $entries)) (i32.const 5)))
    (i32.store (i32.const 92) (local.get $entries))
    (i32.store (i32.const 96) (i32.const 32))
    (i32.const 64)))
