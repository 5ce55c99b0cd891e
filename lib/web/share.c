#include "lib/web/share.h"

bool
share_left(struct share *share, int percent, double clock)
{
	double part = (double)percent / 100, most = part * SHARE_SAVED;

	if (share->last <= 0)
		share->credit = most;
	else if (clock > share->last)
		share->credit += (clock - share->last) * part;
	share->last = clock;
	if (share->credit > most)
		share->credit = most;
	return share->credit > 0;
}

void
share_pay(struct share *share, double seconds)
{
	share->credit -= seconds;
}
