#!/usr/bin/env python3
"""Writes a corpus like that of `cpd_corpus.py`, of voices, words and countries that are not in it.

The detector is developed on the one and judged on the other: nothing of this corpus may be used to choose a number.
Channel, noise, classes, counts and the columns of `index.csv` are those of `cpd_corpus.py`, which is loaded from --generator.

Other than there
    synthesised   flite `slt` and `awb`; festival `ked` (English), `lp` (Italian), `suo_lj` and `hy_mv` (Finnish), `slt` as HTS;
                  espeak-ng in Portuguese, Dutch, Polish, Swedish, Czech, Turkish and English with other variants and speeds
    recorded      fr_CA_f_June and ru_RU_f_IvrvoiceRU with other prompts
    texts         all of them: people, companies, screening assistants, machines
    tones         of countries that `cpd_corpus.py` does not have (US, DE, JP, AU, NL, PL and others)
    beeps         other frequencies and lengths

Needs what `cpd_corpus.py` needs, and of Debian 12: festival, festvox-kdlpc16k, festvox-italp16k, festvox-suopuhe-lj,
festvox-suopuhe-mv, festvox-us-slt-hts, asterisk-core-sounds-fr-wav, asterisk-core-sounds-ru-wav.
"""

import argparse
import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

HUMAN_SHORT = {
    "en": ["Hello there", "Yes, who's calling?", "Hi, it's Karen", "Good evening", "Hello, Peter here", "Yep", "Hello, yes?",
           "Morning", "Who is it?", "Robinson", "This is David", "Go ahead"],
    "fi": ["Haloo?", "No moi", "Virtanen", "Matti puhelimessa", "Niin?"],
    "it": ["Pronto, buonasera", "Chi è?", "Sì, mi dica", "Pronto pronto"],
    "pt": ["Alô?", "Sim?", "Estou?", "Boa tarde", "Quem fala?", "Oi, tudo bem?"],
    "nl": ["Hallo", "Met Jan", "Met mevrouw de Vries", "Ja, hallo?", "Goedemorgen"],
    "pl": ["Halo?", "Tak, słucham", "Słucham", "Dzień dobry", "Proszę"],
    "sv": ["Hallå?", "Ja, det är Anna", "Svensson", "Hej hej"],
    "cs": ["Prosím?", "Haló, Novák", "Ano?", "Dobrý den"],
    "tr": ["Alo?", "Efendim", "Buyurun", "Evet?"],
}
HUMAN_BUSINESS = {
    "en": ["Northside Dental, good morning, this is Laura", "Thanks for calling Wilson Plumbing, what can I do for you?",
           "Front desk, Michael speaking, how may I direct your call?", "Hill Street Garage, Brian here"],
    "fi": ["Kuntosali Voima, Liisa puhelimessa, kuinka voin auttaa?"],
    "it": ["Studio medico Bianchi, buongiorno, sono Chiara"],
    "pt": ["Farmácia Central, bom dia, em que posso ajudar?"],
    "nl": ["Goedemiddag, Bakkerij Jansen, u spreekt met Sanne"],
    "pl": ["Dzień dobry, serwis komputerowy, w czym mogę pomóc?"],
    "sv": ["Välkommen till Bergs bokhandel, du talar med Erik"],
}
SCREENING = ["Hello, the person you called would like to know who is calling. Please state your name and the reason for your call.",
             "Hi, I'm the virtual assistant of this number. Who is calling, and what is it about?",
             "Please tell me your name and why you are calling, and I will find out if someone can take the call."]
MACHINE = {
    "en": ["Hi there, this is the phone of Karen Miller. I'm either away or on another call. Leave a message and I'll call back.",
           "The wireless customer you are calling is not available. Please hang up and try your call again.",
           "We're sorry, nobody is here to answer right now. Please leave your name, number and a short message after the beep.",
           "You've reached the voicemail of David. Please speak after the tone.",
           "This mailbox belongs to extension two four one. Record your message now, then press the hash key.",
           "Hi, this is Sue, leave me a message.",
           "The office is closed today. For emergencies please dial one one two. Otherwise call again on Monday."],
    "fi": ["Olet soittanut Matti Virtaselle. En voi nyt vastata. Jätä viesti äänimerkin jälkeen.",
           "Valitsemaanne numeroon ei juuri nyt saada yhteyttä."],
    "it": ["Al momento non sono in casa, lasciate un messaggio e vi richiamo appena possibile.",
           "Il cliente da lei chiamato non è al momento raggiungibile."],
    "pt": ["Olá, ligou para a Maria. Não posso atender agora. Deixe a sua mensagem depois do sinal.",
           "O número que marcou não está disponível de momento. Por favor tente mais tarde."],
    "nl": ["Hallo, dit is de voicemail van Jan de Vries. Spreek na de piep een bericht in.",
           "Dit nummer is op dit moment niet bereikbaar."],
    "pl": ["Dodzwoniłeś się do Anny Nowak. Nie mogę teraz odebrać. Zostaw wiadomość po sygnale.",
           "Abonent ma wyłączony telefon lub jest poza zasięgiem sieci."],
    "sv": ["Hej, du har kommit till Eriks telefonsvarare. Lämna ett meddelande efter pipet, så ringer jag upp."],
    "cs": ["Dovolali jste se do hlasové schránky. Po zaznění tónu zanechte zprávu.",
           "Volaný účastník není dostupný."],
    "tr": ["Aradığınız kişiye şu anda ulaşılamıyor. Lütfen daha sonra tekrar deneyiniz."],
}
ESPEAK_VOICES = {"en": ["en-us-nyc", "en-gb-x-rp", "en-gb-x-gbclan", "en-029"], "pt": ["pt", "pt-br"], "nl": ["nl"], "pl": ["pl"],
                 "sv": ["sv"], "cs": ["cs"], "tr": ["tr"], "fi": ["fi"], "it": ["it"]}
ESPEAK_VARIANTS = ["+m1", "+m3", "+m5", "+f1", "+f3", "+f5"]
FLITE_VOICES = ["slt", "awb"]
FESTIVAL_VOICES = {"en": ["ked_diphone", "cmu_us_slt_arctic_hts"], "it": ["lp_diphone"], "fi": ["suo_fi_lj_diphone", "hy_fi_mv_diphone"]}

SPEAKERS = ["fr_CA_f_June", "ru_RU_f_IvrvoiceRU"]
PROMPTS_SHORT = ["hello", "hello-world", "vm-from", "digits/3", "digits/7", "digits/9", "digits/today", "letters/k",
                 "letters/w", "goodbye", "vm-Friends", "vm-Work", "vm-received", "vm-goodbye", "vm-extension"]
PROMPTS_LONG = ["vm-intro", "vm-theperson", "vm-whichbox", "vm-mailboxfull", "vm-tempgreeting", "privacy-unident", "queue-thankyou",
                "queue-callswaiting", "conf-adminmenu", "conf-noempty", "dir-intro", "followme/sorry", "invalid", "transfer",
                "pbx-invalid", "ss-noservice", "cannot-complete-as-dialed", "tt-somethingwrong", "demo-echotest", "demo-abouttotry"]

BEEP_HZ = [480, 500, 660, 780, 900, 1100, 1250, 1600, 1800]
BEEP_S = [0.25, 0.4, 0.6, 0.8]

SIT = "950/330,1400/330,1800/330,0/1000"
PLANS = {
    "busy": {
        "us": "480+620/500,0/500", "de": "425/480,0/480", "jp": "400/500,0/500", "au": "425/375,0/375", "nl": "425/500,0/500",
        "pl": "425/500,0/500", "ch": "425/500,0/500", "fi": "425/300,0/300", "in": "400/750,0/750", "mx": "425/250,0/250",
        "cn": "450/350,0/350", "sg": "425/750,0/750", "nz": "400/500,0/500", "gr": "425/300,0/300", "ve": "425/500,0/500",
    },
    "congestion": {
        "us": "480+620/250,0/250", "de": "425/240,0/240", "nl": "425/250,0/250", "pl": "425/500,0/500", "ch": "425/200,0/200",
        "fi": "425/200,0/200", "in": "400/250,0/250", "mx": "425/250,0/250", "sg": "425/250,0/250", "ru": "425/175,0/175",
    },
    "ring": {
        "us": "440+480/2000,0/4000", "de": "425/1000,0/4000", "nl": "425/1000,0/4000", "pl": "425/1000,0/4000",
        "ch": "425/1000,0/4000", "fi": "425/1000,0/4000", "cn": "450/1000,0/4000", "mx": "425/1000,0/4000",
        "nz": "400+450/400,0/200,400+450/400,0/2000", "in": "400*25/400,0/200,400*25/400,0/2000", "gr": "425/1000,0/4000",
        "sg": "425*24/400,0/200,425*24/400,0/2000",
    },
    "sit": {
        "de": "900/330,1400/330,1800/330,0/1000", "jp": SIT, "gr": SIT, "mx": SIT, "ch": SIT, "fi": SIT, "cn": SIT, "ee": SIT,
        "us": "914/274,1371/274,1777/380,0/1000", "ca": "985/380,1371/274,1777/380,0/1000",
    },
}


def load(path: Path):
    spec = importlib.util.spec_from_file_location("cpd_corpus", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["cpd_corpus"] = module
    spec.loader.exec_module(module)
    return module


def festival(corpus, library, voice: str, text: str):
    """Speaks with a voice of festival; kept in the cache like those of the other synthesisers."""
    name = hashlib.sha256(f"festival\0{voice}\0{text}".encode()).hexdigest()[:32]
    path = library.cache / f"{name}.wav"
    if not path.exists():
        command = ["text2wave", "-eval", f"(voice_{voice})", "-o", str(path), "-"]
        subprocess.run(command, input=text.encode("latin-1"), check=True, capture_output=True)
    return corpus.read_wav(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generator", type=Path, required=True, help="cpd_corpus.py")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same corpus (default 1)")
    parser.add_argument("--count", type=float, default=1.0, help="factor on the clips per label (default 1)")
    parser.add_argument("--only", nargs="*", default=[], help="labels to write (default all)")
    parser.add_argument("--sounds", type=Path, default=Path("/usr/share/asterisk"), help="where the packages put sounds/ and moh/")
    args = parser.parse_args()
    corpus = load(args.generator)
    for name in ["HUMAN_SHORT", "HUMAN_BUSINESS", "SCREENING", "MACHINE", "ESPEAK_VOICES", "ESPEAK_VARIANTS", "FLITE_VOICES",
                 "SPEAKERS", "PROMPTS_SHORT", "PROMPTS_LONG", "BEEP_HZ", "BEEP_S"]:
        setattr(corpus, name, globals()[name])
    corpus.PLANS.clear()
    corpus.PLANS.update(PLANS)

    def speak(m, language: str, text: str):
        voices = FESTIVAL_VOICES.get(language)
        if voices and m.rng.random() < 0.5:
            return festival(corpus, m.library, m.rng.choice(voices), text)
        if language == "en" and m.rng.random() < 0.5:
            return m.library.flite(m.rng.choice(FLITE_VOICES), text)
        voice = m.rng.choice(ESPEAK_VOICES[language]) + m.rng.choice(ESPEAK_VARIANTS)
        return m.library.espeak(voice, m.rng.choice([120, 140, 160, 175, 195]), m.rng.choice([30, 45, 60, 70]), text)

    corpus.speak = speak
    if args.only:
        corpus.CLASSES = {label: make for label, make in corpus.CLASSES.items() if label in args.only}
    written = corpus.generate(args.out, args.seed, args.count, args.sounds)
    print(f"{written} clips in {args.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
