#include <math.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	(void)argv;
	printf("%.3f\n", cos((double)argc)); /* not known when compiled: libm is needed */
	return 0;
}
