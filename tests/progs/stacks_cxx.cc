/*
 * stacks_cxx MODE: leaves a socket open that was opened by functions with names.
 *
 *	method     by a method of a template that another called, in a namespace
 *	lambda     by a lambda, through std::function
 *	operator   by an operator
 *	thrown     while an exception is handled
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <vector>

#define KEPT __attribute__((noinline))

namespace
{
/* No tail call, so that the caller stays on the stack. */
inline int opened()
{
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	__asm__ volatile("" ::: "memory");
	if (fd < 0) {
		perror("stacks_cxx: socket");
		exit(1);
	}
	return fd;
}
} // namespace

namespace net
{
template <typename T> class Pool
{
      public:
	KEPT int fill(const char *name)
	{
		open(std::string(name), {1, 2});
		return descriptors.at(0);
	}

	KEPT void open(const std::string &name, const std::vector<T> &values)
	{
		descriptors.push_back(opened() + static_cast<int>(name.size() + values.size()));
	}

	KEPT int operator[](int index)
	{
		return opened() + index;
	}

      private:
	std::vector<int> descriptors;
};

KEPT int through(const std::function<int(int)> &function)
{
	return function(1) + 1;
}
} // namespace net

namespace
{
KEPT int thrown()
{
	try {
		throw std::string("x");
	} catch (const std::string &text) {
		return opened() + static_cast<int>(text.size());
	}
}

KEPT int with_lambda(int more)
{
	return net::through([more](int value) { return opened() + value + more; }) + 1;
}
} // namespace

int main(int argc, char **argv)
{
	const char *const mode = argc > 1 ? argv[1] : "method";

	if (strcmp(mode, "method") == 0)
		return net::Pool<long>().fill("x") == 0;
	else if (strcmp(mode, "lambda") == 0)
		return with_lambda(1) == 0;
	else if (strcmp(mode, "thrown") == 0)
		return thrown() == 0;
	else if (strcmp(mode, "operator") == 0)
		return net::Pool<char>()[1] == 0;
	return 2;
}
