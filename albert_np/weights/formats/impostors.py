"""The former place of albert_np.impostors."""

from albert_np.impostors import check as check
from albert_np.impostors import looks_like as looks_like
