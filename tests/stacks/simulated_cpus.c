/* Simulates a machine of SIMULATED_CPUS CPUs for a program that this library is preloaded into. Libraries ask the C
   library for the number of CPUs in several ways; work still runs on the CPUs that there are. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <unistd.h>

static int count(void) {
    const char *text = getenv("SIMULATED_CPUS");
    int number = text ? atoi(text) : 0;
    return number > 0 ? number : 1;
}

static int fill(size_t size, cpu_set_t *set) {
    memset(set, 0, size);
    for (int cpu = 0; cpu < count(); cpu++) CPU_SET_S(cpu, size, set);
    return 0;
}

int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set) { (void)pid; return fill(size, set); }
int pthread_getaffinity_np(pthread_t thread, size_t size, cpu_set_t *set) { (void)thread; return fill(size, set); }

/* Nothing is bound to a CPU that does not exist. */
int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set) { (void)pid; (void)size; (void)set; return 0; }
int pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set) { (void)thread; (void)size; (void)set; return 0; }

int get_nprocs(void) { return count(); }
int get_nprocs_conf(void) { return count(); }

long sysconf(int name) {
    static long (*real)(int);
    if (name == _SC_NPROCESSORS_ONLN || name == _SC_NPROCESSORS_CONF) return count();
    if (!real) real = (long (*)(int))dlsym(RTLD_NEXT, "sysconf");
    return real(name);
}
