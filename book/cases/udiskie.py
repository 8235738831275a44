# The password cache of udiskie 2.4, as udiskie uses it. pip install udiskie==2.4.2; Debian: apt install python3-keyutils
from types import SimpleNamespace

from udiskie.cache import PasswordCache

cache = PasswordCache(timeout=60)
stick = SimpleNamespace(id_uuid="12AB-34CD")
print("from the last run:", stick in cache)
cache[stick] = "correct horse battery"
print("added:", stick in cache)
del cache[stick]
try:
    print(cache[stick])
except KeyError as error:
    print("deleted:", error)
