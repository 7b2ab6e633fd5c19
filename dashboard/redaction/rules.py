"""The rules that know a secret by its look.

Each pattern starts where a run of its letters starts, or takes a bounded number of
them: a hostile value of megabytes must not cost time squared. ``needs`` are parts,
in small letters, of which a text must have one for the pattern to be tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from dashboard.redaction.checks import (
    is_card,
    is_credential,
    is_host_ip,
    is_iban,
    is_ip,
    is_ipv4,
    is_mail,
    is_no_label,
    is_parameter,
    is_path_token,
)

Match = re.Match[str]


@dataclass(frozen=True, slots=True)
class Rule:
    """A named pattern; ``check`` may refuse a match that only looks like one."""

    name: str
    pattern: re.Pattern[str]
    needs: tuple[str, ...] = ("",)
    check: Callable[[Match], bool] | None = None


LABEL = r"\[[a-z0-9-]{1,40} \d{1,9}\]"
NAMES = (
    r"(?:(?:passw(?:or)?d|passphrase|passcode|secret|token|credential"
    r"|(?:api|access|account|private|auth|app|master|shared[-_]?access)[-_ ]?key"
    r"|session[-_]?id|sess(?:ion)?id|sharedaccesskey|signature)"
    r"(?:s|[-_.]?(?:part|chunk|value|key|hash|base|id|old|new)?[-_.\[]?\d{0,3}\]?)?"
    r"|(?<![a-z])(?:pass|pwd|auth|pin|otp|sid|sig|cvv|cvc|ssn|jwt))"
)
QUOTE = r"\\*[\"']"
NO_SPACE = rf"(?:{LABEL}|[^\s\"'<>#])*"
HEADER = r"(?:(?:proxy-)?authorization(?:-bin)?|(?:set-)?cookie2?)"

KEY_FORMATS = (
    # clouds
    r"\b(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[0-9A-Z]{16}\b",
    r"(?<![\w-])AIza[\w-]{30,}",
    r"(?<![\w-])ya29\.[\w-]{20,}",
    r"(?<![\w-])GOCSPX-[\w-]{20,}",
    r"(?<![\w~.-])\w{3}\dQ~[\w~.-]{31,40}",
    r"(?<![\w-])do[opr]_v1_[0-9a-f]{40,}",
    r"(?<![\w.])hv[sbr]\.[\w-]{20,}",
    r"(?<![\w-])dt0[a-z]\d\d\.[A-Z0-9]{20,}\.[A-Z0-9]{20,}",
    # code and packages
    r"(?<![A-Za-z0-9])gh[pousr]_\w{20,}",
    r"(?<![A-Za-z0-9])github_pat_\w{20,}",
    r"(?<![\w-])gl(?:pat|ptt|dt|rt|cbt|oas|soat|ft|imt|agent)-[\w-]{16,}",
    r"(?<![A-Za-z0-9])npm_\w{20,}",
    r"(?<![\w-])pypi-[\w-]{20,}",
    r"(?<![\w-])dckr_pat_[\w-]{20,}",
    r"(?<![\w-])ATATT3[\w=-]{20,}",
    # payment, mail, telephone, chat
    r"(?<![A-Za-z0-9])(?:sk|rk|pk)_(?:live|test)_\w{10,}",
    r"(?<![A-Za-z0-9])whsec_[\w+/=]{16,}",
    r"(?<![A-Za-z0-9])sk-[\w-]{16,}",
    r"(?<![A-Za-z0-9])sk_\w{20,}",
    r"(?<![\w-])SG\.[\w-]{16,}\.[\w-]{16,}",
    r"(?<![\w-])key-[0-9a-f]{32}",
    r"(?<![\w-])xox[a-z](?:\.xox[a-z])?-[\w-]{10,}",
    r"(?<![\w-])xapp-[\w-]{10,}",
    r"(?<=hooks\.slack\.com/services/)\S+",
    r"(?<!\d)\d{8,10}:AA[\w-]{32,36}",
    r"(?<![A-Za-z0-9])shp(?:at|ca|pa|ss)_[0-9a-f]{24,}",
    r"(?<![\w-])sq0(?:atp|csp)-[\w-]{20,}",
    # tools
    r"(?<![A-Za-z0-9])hf_\w{20,}",
    r"(?<![A-Za-z0-9])gl(?:sa|c)_[\w=]{20,}",
    r"(?<![\w-])NRAK-\w{20,}",
    r"(?<![A-Za-z0-9])dapi[0-9a-f]{32}",
    r"(?<![A-Za-z0-9])lin_api_\w{20,}",
    r"(?<![\w-])PMAK-[\w-]{20,}",
    r"AGE-SECRET-KEY-1\w{20,}",
    r"\w{14}\.atlasv1\.[\w-]{20,}",
    r"\b(?:ssh-(?:rsa|ed25519|dss)|ecdsa-sha2-\w{1,20})\s{1,4}AAAA[\w+/=]+",
)
# A part of each of them in small letters.
KEY_PARTS = (
    *("akia", "asia", "aroa", "aida", "abia", "acca", "aiza", "ya29.", "gocspx-"),
    *("q~", "_v1_", "hvs.", "hvb.", "hvr.", "dt0", "gh", "gl", "npm_", "pypi-"),
    *("dckr_", "atatt3", "_live_", "_test_", "whsec_", "sk-", "sk_", "sg.", "key-"),
    *("xox", "xapp-", "hooks.slack", ":aa", "shp", "sq0", "hf_", "nrak-", "dapi"),
    *("lin_api_", "pmak-", "age-secret", "atlasv1", "ssh-", "ecdsa-"),
)
HASHES = (
    r"\$2[abxy]?\$\d\d\$[./A-Za-z0-9]{40,60}",
    r"\$argon2\w{1,3}\$[^\s\"']+",
    r"\$(?:1|5|6|y|gy|7)\$[^\s\"'$]{1,64}\$[./\w$]+",
    r"(?<!\w)pbkdf2_sha\d{1,3}\$[^\s\"']+",
    r"\{S?SHA\d{0,3}\}[\w+/=]{20,}",
)
_i = re.IGNORECASE
_value = (
    rf"(?:{LABEL}|\[[^\]\r\n]*(?:\]|$)|(?P<q>{QUOTE}).*?(?:(?P=q)|$)|[^\s\"'&,;}}]+)"
)

RULES = (
    Rule(
        "private-key",
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{1,40}-----.*?(?:-----END [A-Z0-9 ]{1,40}-----|\Z)",
            re.DOTALL,
        ),
        ("-----begin",),
    ),
    Rule(
        "url-credentials",
        re.compile(
            r"(?<=://)[^/\s:@]*:(?:[^/\s]+|[^\s\"'<>@?#]{1,128})(?=@)"
            r"|(?<=://)[^/\s:@?#]+(?=@)"
        ),
        ("@",),
    ),
    Rule(
        "query-string",
        re.compile(rf"(?<=\?)(?:{LABEL}|[\w%]){NO_SPACE}|(?<=#)[\w.%-]{{1,40}}=\S*"),
        ("?", "#"),
    ),
    # The rest of the line, since schemes and cookies hold blanks and semicolons.
    Rule(
        "header",
        re.compile(
            rf"\b{HEADER}(?:{QUOTE})?"
            rf"\s*[:=]\s*(?:(?P<q>{QUOTE}).*?(?:(?P=q)|$)|[^\r\n\"'}}]+)",
            re.IGNORECASE | re.MULTILINE,
        ),
        ("authorization", "cookie"),
    ),
    Rule(
        "jwt",
        re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*){0,3}"),
        ("eyj",),
    ),
    Rule(
        "credentials",
        re.compile(r"\b(?:bearer|basic|digest|negotiate)\s+[\w+/=.~-]{6,}", _i),
        ("bearer", "basic", "digest", "negotiate"),
        is_credential,
    ),
    Rule(
        "credentials",
        re.compile(
            r"(?<![\w.+/:-])[\w.+-]{1,64}:[^\s/@:\"']{3,64}@(?!sha\d)(?=[\w\[])"
        ),
        ("@",),
    ),
    Rule(
        "credentials",
        re.compile(r"(?<![\w-])(?:-u|--user)[ =]{0,2}[^\s:\"']{1,64}:[^\s\"']+"),
        ("-u",),
    ),
    Rule("key", re.compile("|".join(KEY_FORMATS)), KEY_PARTS),
    Rule(
        "key",
        re.compile(r"(?<![A-Za-z0-9])(?:SK|AC)[0-9a-f]{32}(?![0-9a-f])"),
        ("sk", "ac"),
    ),
    Rule("password-hash", re.compile("|".join(HASHES)), ("$", "sha")),
    Rule(
        "assigned-secret",
        re.compile(
            rf"{NAMES}(?:{QUOTE})?\s*[=:]\s*{_value}",
            re.IGNORECASE | re.MULTILINE,
        ),
        ("=", ":"),
        is_no_label,
    ),
    Rule(
        "assigned-secret",
        re.compile(
            rf"(?<![\w-])--?{NAMES}[ \t]{{1,4}}(?!-)[^\s\"',]+"
            rf"|<(?:\w{{1,40}}:)?{NAMES}(?:\s[^<>]{{0,200}})?>[^<]+"
            rf"|name=(?:{QUOTE})?{NAMES}(?:{QUOTE})?[ \t]{{0,4}}\r?\n\r?\n[^\r\n]+",
            _i,
        ),
        ("--", "-p", "<", "name="),
    ),
    Rule(  # “the token is x1…”: a word with letters and digits
        "assigned-secret",
        re.compile(
            rf"{NAMES}[ \t]{{1,3}}(?:(?:is|was|to)[ \t]{{1,3}})?"
            r"(?=[A-Za-z_+/=~.-]{0,64}\d)(?=[\d+/=~.-]{0,64}[A-Za-z])[\w+/=~.-]{8,}",
            _i,
        ),
        ("pass", "secret", "token", "credential", "key", "session", "pin", "otp"),
        is_no_label,
    ),
    Rule(
        "matrix-parameter",
        re.compile(r";[\w.-]{1,64}=[^\s;/?#\"'<>]+"),
        (";",),
        is_parameter,
    ),
    Rule(
        "ldap",
        re.compile(
            r"(?<![\w.-])(?:uid|cn|sn|mail|givenname|samaccountname|userprincipalname"
            r"|userpassword)=[^,()=\r\n]{1,200}(?=\)|,\s{0,4}(?:ou|dc|cn)=)",
            _i,
        ),
        (")", "ou=", "dc=", "cn="),
    ),
    Rule(
        "e-mail",
        re.compile(
            r"(?:(?<![\w.+-])[\w.+-]{1,254}|\"[^\"@\r\n]{1,64}\")@[^\W\d_](?:[\w-]|\.(?=\w)){0,253}"
        ),
        ("@",),
        is_mail,
    ),
    Rule("national-id", re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])")),
    Rule(
        "iban",
        re.compile(
            r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{4}){2,7}(?:[ ]?[A-Z0-9]{1,4})?"
            r"(?![A-Za-z0-9])"
        ),
        ("",),
        is_iban,
    ),
    Rule(
        "card-number",
        re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?!\d)"),
        ("",),
        is_card,
    ),
    Rule(
        "phone",
        re.compile(r"(?<![\w+.-])\+\d(?:[ ().-]{0,2}\d){7,14}(?!\d)"),
        ("+",),
    ),
    Rule(
        "ip",
        re.compile(
            r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}"
            r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4})(?:%[\w.-]{1,32})?(?![\w:])"
        ),
        (":",),
        is_ip,
    ),
    Rule(
        "ip",
        re.compile(
            r"(?<![\w:.])(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}(?=:\d{1,5}(?![\w:]))"
        ),
        (":",),
        is_ip,
    ),
    Rule(
        "ip",
        re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d|\.\d)"),
        (".",),
        is_ipv4,
    ),
    Rule(
        "ip",
        re.compile(r"(?<!\d)(?<!\d-)\d{1,3}(?:-\d{1,3}){3}(?!\d|-\d)"),
        ("-",),
        is_host_ip,
    ),
    Rule(
        "path-token",
        re.compile(r"(?<=/)[\w~.=-]{8,512}(?![\w~.=-])"),
        ("/",),
        is_path_token,
    ),
)
SQL_LITERAL = re.compile(
    rf"(?P<label>{LABEL})|"
    r"'(?:[^'\\]|''|\\.)*(?:'|$)|\"(?:[^\"\\]|\"\"|\\.)*(?:\"|$)"
    r"|(?<![\w.$@\"`])\d+(?:\.\d+)?(?![\w.\"`])"
)
SQL_PAIRS = (
    (re.compile(r"\bselect\b", re.I), re.compile(r"\bfrom\b", re.I)),
    (re.compile(r"\bupdate\b", re.I), re.compile(r"\bset\b", re.I)),
)
SQL_WORDS = re.compile(
    r"\b(?:(?:insert|merge|replace)\s+into|delete\s+from|call\s+\w|exec(?:ute)?\s+\w)",
    re.IGNORECASE,
)
SQL_NEEDS = ("select", "insert", "update", "delete", "merge", "replace", "call", "exec")


def is_sql(text: str, low: str) -> bool:
    """Whether a text (``low``: in small letters) holds a statement; linear."""
    for word in SQL_NEEDS:
        if word in low:
            break
    else:
        return False
    if SQL_WORDS.search(text):
        return True
    for first, second in SQL_PAIRS:
        begin = first.search(text)
        if begin and second.search(text, begin.end()):
            return True
    return False


RULE_NAMES = tuple(
    dict.fromkeys(
        [
            "secret-tag",
            "personal-tag",
            "baggage",
            "binary",
            "encoded",
            "split",
            "sql-literal",
            *(rule.name for rule in RULES),
        ]
    )
)
