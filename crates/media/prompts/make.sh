#!/bin/sh
# Makes the shipped prompts: 8 kHz mono µ-law WAV. Needs espeak-ng and sox; run it in this folder.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rate=8000

say() { # file, text: a sentence at 8 kHz, 150 words per minute, without what speech has below 150 Hz
    espeak-ng -v en-us+f3 -s 150 -p 45 -w "$work/raw.wav" "$2"
    sox -R "$work/raw.wav" -r $rate -c 1 -b 16 "$1" highpass 150 silence 1 0.01 0.5% reverse \
        silence 1 0.01 0.5% reverse norm -6
}

# One chord: three plucked-like sines with a long fade. Arguments: file, seconds, three notes.
chord() {
    sox -R -n -r $rate -c 1 -b 16 "$1" synth "$2" sine "$3" sine "$4" sine "$5" \
        remix 1,2,3 fade q 0.03 "$2" 1.2 gain -24
}

# Waiting music: four chords (C, A minor, F, G) of 3.5 s. Each begins and ends in silence, so
# the loop has no click; "please hold" is spoken over the second half.
chord "$work/1.wav" 3.5 261.63 329.63 392.00
chord "$work/2.wav" 3.5 220.00 261.63 329.63
chord "$work/3.wav" 3.5 174.61 220.00 261.63
chord "$work/4.wav" 3.5 196.00 246.94 293.66
sox -R "$work/1.wav" "$work/2.wav" "$work/3.wav" "$work/4.wav" "$work/music.wav" lowpass 1800

# A quiet melody an octave above, one note per 0.875 s, each with its own fade.
n=0
for hz in 523.25 659.26 783.99 659.26 440.00 523.25 659.26 523.25 \
    349.23 440.00 523.25 440.00 392.00 493.88 587.33 493.88; do
    n=$((n + 1))
    sox -R -n -r $rate -c 1 -b 16 "$work/n$(printf %02d $n).wav" synth 0.875 triangle $hz \
        fade q 0.02 0.875 0.7 gain -29
done
sox -R "$work"/n??.wav "$work/melody.wav" lowpass 1800
say "$work/hold.wav" "Please hold. The next available representative will be with you shortly."
sox -R "$work/hold.wav" "$work/voice.wav" pad 7.5 0
sox -R -m -v 1 "$work/music.wav" -v 1 "$work/melody.wav" -v 1 "$work/voice.wav" \
    -e mu-law next_customer_rep.wav trim 0 14 norm -3

say "$work/busy.wav" "We are sorry. All our representatives are still busy. Please try again later. Good bye."
sox -R "$work/busy.wav" -e mu-law all_agents_busy.wav pad 0.3 0.4

say "$work/machine.wav" "Hello. We tried to return your call as you requested, but could not reach you. \
You are welcome to call us again at any time. Good bye."
sox -R "$work/machine.wav" -e mu-law call_fail_ans_machine.wav pad 0.3 0.4
