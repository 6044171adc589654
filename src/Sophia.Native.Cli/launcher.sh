#!/bin/sh
# Becomes the tool that was compiled ahead of time for the highest level of x86-64 that this processor has, of those beside it (`dotnet cake --target=Aot`). Builtins alone: it costs a millisecond.
self=$0
while [ -L "$self" ]; do
  target=$(readlink "$self")
  case $target in
    /*) self=$target ;;
    *) self=${self%/*}/$target ;;
  esac
done
folder=${self%/*}

# The kernel leaves out what the processor has but the system does not save.
flags=
while read -r name rest; do
  [ "$name" = flags ] && { flags=" ${rest#*: } "; break; }
done < /proc/cpuinfo
has() {
  for flag; do
    case $flags in *" $flag "*) ;; *) return 1 ;; esac
  done
}

if [ -x "$folder/sophia-x86-64-v4" ] && has avx2 fma bmi1 bmi2 f16c abm movbe avx512f avx512bw avx512cd avx512dq avx512vl; then
  exec "$folder/sophia-x86-64-v4" "$@"
elif [ -x "$folder/sophia-x86-64-v3" ] && has avx2 fma bmi1 bmi2 f16c abm movbe; then
  exec "$folder/sophia-x86-64-v3" "$@"
fi
exec "$folder/sophia-x86-64-v2" "$@"
